#include "avro/encode_plan.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "avro/wire.h"

namespace trommel::avro {

namespace {

class Planner : public EncodePlan {
 public:
  Result<> add_fields(const arrow::Schema& rows, const std::vector<int>& from_column) {
    std::string wrong;
    const auto mistake = [&](const std::string& what) { wrong += (wrong.empty() ? "" : "; ") + what; };
    for (size_t i = 0; i < writer->fields.size(); ++i) {
      const SchemaField& field = writer->fields[i];
      if (from_column[i] < 0) {
        if (!add_absent(field))
          mistake(fmt::format("no column for `{}`, which has no default and no null", field.name));
        continue;
      }
      ASSIGN(const Type type, arrow_type(field.type));
      const auto& column = *rows.field(from_column[i]);
      if (!can_cast(*column.type(), *type)) {
        mistake(fmt::format("column `{}` is {}, which cannot be written as {}", column.name(),
                            type_name(*column.type()), type_text(*field.type)));
        continue;
      }
      columns.push_back({from_column[i], type, field.name});
      add(field.type, field.name);
    }
    if (!wrong.empty())
      return config_error("Avro", "these rows cannot be written with the schema " + writer->name + ": " + wrong);
    return {};
  }

 private:
  uint32_t here() const { return end(); }

  EncodeStep& emit(EncodeOp op, const std::string& path, uint32_t extra = 0) {
    EncodeStep step;
    step.op = op;
    step.source = sources++;
    step.extra = extra;
    steps.push_back(step);
    steps.back().next = here();
    paths.push_back(path);
    return steps.back();
  }

  void add_constant(std::string bytes, const std::string& path) {
    constants.push_back(std::move(bytes));
    emit(EncodeOp::constant, path, static_cast<uint32_t>(constants.size() - 1));
  }

  /// Steps of a value, with the branches of a union around it.
  void add(const SchemaPtr& node, const std::string& path) {
    if (node->kind != Kind::one_of) {
      add_plain(*node, path);
      return;
    }
    int8_t null_branch = -1;
    for (size_t i = 0; i < node->branches.size(); ++i) {
      if (node->branches[i]->kind == Kind::null) null_branch = static_cast<int8_t>(i);
    }
    const auto branch_of = [&](const SchemaPtr& branch) {
      return static_cast<int8_t>(std::find(node->branches.begin(), node->branches.end(), branch) -
                                 node->branches.begin());
    };
    const Choice choice = choice_of(node);
    const uint32_t step = here();
    const SchemaPtr number = widest_number(choice);
    if (choice.branches.empty()) {
      emit(EncodeOp::nothing, path);
      steps[step].value_branch = null_branch;  // only null: its values are that branch and no bytes
      return;
    }
    if (choice.branches.size() == 1 || number) {
      const SchemaPtr& held = number ? number : choice.branches[0];
      add_plain(*held, path);
      steps[step].value_branch = branch_of(held);
    } else {
      std::vector<int8_t> places;
      const std::vector<std::string> names = branch_names(choice);
      emit(EncodeOp::one_of, path, static_cast<uint32_t>(branches.size()));
      branches.emplace_back();
      for (size_t i = 0; i < names.size(); ++i) {
        places.push_back(branch_of(choice.branches[i]));
        add_plain(*choice.branches[i], path + "." + names[i]);
      }
      branches[steps[step].extra] = std::move(places);
      steps[step].next = here();
    }
    steps[step].null_branch = null_branch;
  }

  void add_plain(const SchemaNode& node, const std::string& path) {
    switch (node.kind) {
      case Kind::null:
        emit(EncodeOp::nothing, path);
        return;
      case Kind::boolean:
        emit(EncodeOp::boolean, path);
        return;
      case Kind::int32:
        emit(EncodeOp::int32, path);
        return;
      case Kind::int64:
        emit(EncodeOp::int64, path);
        return;
      case Kind::float32:
        emit(EncodeOp::raw32, path);
        return;
      case Kind::float64:
        emit(EncodeOp::raw64, path);
        return;
      case Kind::text:
        emit(node.logical == Logical::uuid ? EncodeOp::uuid_text : EncodeOp::sized, path);
        return;
      case Kind::bytes:
        emit(node.logical == Logical::decimal ? EncodeOp::decimal : EncodeOp::sized, path);
        return;
      case Kind::fixed:
        emit(node.logical == Logical::decimal ? EncodeOp::decimal_fixed
             : node.logical == Logical::uuid  ? EncodeOp::uuid_fixed
                                              : EncodeOp::fixed,
             path, static_cast<uint32_t>(node.size));
        return;
      case Kind::enumeration: {
        Symbols table;
        for (size_t i = 0; i < node.symbols.size(); ++i) table.emplace(node.symbols[i], static_cast<int64_t>(i));
        symbols.push_back(std::move(table));
        emit(EncodeOp::symbol, path, static_cast<uint32_t>(symbols.size() - 1));
        return;
      }
      case Kind::array:
      case Kind::map: {
        const uint32_t step = here();
        emit(node.kind == Kind::map ? EncodeOp::map : EncodeOp::list, path);
        if (node.kind == Kind::map) emit(EncodeOp::sized, path + ".key");
        add(node.items, path + "[]");
        steps[step].next = here();
        return;
      }
      case Kind::record: {
        const uint32_t step = here();
        emit(EncodeOp::structure, path);
        for (const SchemaField& field : node.fields) add(field.type, path + "." + field.name);
        steps[step].next = here();
        return;
      }
      case Kind::one_of:
        break;
    }
  }

  bool add_absent(const SchemaField& field) {
    if (field.default_datum) {
      add_constant(*field.default_datum, field.name);
      return true;
    }
    const Choice choice = choice_of(field.type);
    if (!choice.nullable) return false;
    std::string null;
    for (size_t i = 0; field.type->kind == Kind::one_of && i < field.type->branches.size(); ++i) {
      if (field.type->branches[i]->kind == Kind::null) append_long(null, static_cast<int64_t>(i));
    }
    add_constant(std::move(null), field.name);
    return true;
  }
};

}  // namespace

Result<EncodePlan> plan_encoding(SchemaPtr writer, const arrow::Schema& rows, const std::vector<int>& from_column) {
  if (writer->kind != Kind::record)
    return config_error("Avro", fmt::format("rows are written as records, not as {}", type_text(*writer)));
  Planner planner;
  planner.writer = std::move(writer);
  TRY(planner.add_fields(rows, from_column));
  return EncodePlan(std::move(planner));
}

}  // namespace trommel::avro
