#include "config/avro_contract.h"

#include <unordered_map>

#include "avro/types.h"

namespace trommel {

namespace {

class AvroContractReader {
 public:
  AvroContractReader(std::string_view text, const std::string& file, Problems& problems)
      : text_(text), file_(file), problems_(problems) {}

  Contract read() {
    avro::ParsedSchema parsed = avro::parse_schema(text_);
    for (const auto* mistakes : {&parsed.mistakes, &parsed.doubts}) {
      for (const avro::SchemaMistake& mistake : *mistakes)
        problems_.add({file_, mistake.place.line, mistake.place.column}, mistake.what, mistake.hint);
    }
    Contract contract;
    contract.place = place("");
    if (!parsed.schema) return contract;
    if (parsed.schema->kind != avro::Kind::record) {
      problems_.add(contract.place, "a contract is a record, not " + avro::type_text(*parsed.schema),
                    R"(such as { "type": "record", "name": "students", "fields": [ … ] })");
      return contract;
    }
    if (parsed.schema->fields.empty()) problems_.add(contract.place, "the contract has no columns");
    contract.name = std::string(avro::short_name(parsed.schema->name));
    for (size_t i = 0; i < parsed.schema->fields.size(); ++i)
      contract.columns.push_back(column(parsed.schema->fields[i], "fields[" + std::to_string(i) + "]"));
    contract.avro = std::move(parsed.schema);
    return contract;
  }

 private:
  Place place(std::string_view path) const {
    const avro::JsonPlace found = avro::place_of(text_, path);
    return {file_, found.line, found.column};
  }

  ContractColumn column(const avro::SchemaField& field, const std::string& path) {
    ContractColumn column;
    column.name = field.name;
    column.doc = field.doc;
    column.place = place(path + ".name");
    column.type_text = avro::type_text(*field.type);
    if (const auto [first, is_new] = names_.emplace(name_key(field.name), field.name); !is_new) {
      problems_.add(column.place, "column `" + field.name + "` is there twice",
                    "`" + first->second + "` is the same name, as case and punctuation do not count");
    }
    if (auto type = avro::arrow_type(field.type)) {
      column.type = std::move(*type);
    } else {
      problems_.add(place(path + ".type"), "type of `" + field.name + "`: " + type.error().what, type.error().hint);
    }
    const avro::Choice choice = avro::choice_of(field.type);
    column.rules.required = !choice.nullable;
    if (choice.branches.size() == 1 && choice.branches[0]->kind == avro::Kind::enumeration)
      column.rules.allowed = choice.branches[0]->symbols;
    return column;
  }

  std::string_view text_;
  const std::string& file_;
  Problems& problems_;
  std::unordered_map<std::string, std::string> names_;
};

}  // namespace

Contract parse_avro_contract(std::string_view text, const std::string& file, Problems& problems) {
  Problems found;
  Contract contract = AvroContractReader(text, file, found).read();
  problems.add(found);
  return contract;
}

}  // namespace trommel
