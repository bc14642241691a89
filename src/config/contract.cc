#include "config/contract.h"

#include <algorithm>
#include <unordered_map>

#include "config/avro_contract.h"
#include "config/pipeline.h"
#include "config/yaml_text.h"

namespace trommel {

template <>
struct EnumNames<ExtraColumns> {
  static constexpr EnumName<ExtraColumns> list[] = {
      {"fail", ExtraColumns::fail}, {"drop", ExtraColumns::drop}, {"keep", ExtraColumns::keep}};
};
template <>
struct EnumNames<MissingColumns> {
  static constexpr EnumName<MissingColumns> list[] = {{"fail", MissingColumns::fail}, {"null", MissingColumns::null}};
};
template <>
struct EnumNames<ReorderedColumns> {
  static constexpr EnumName<ReorderedColumns> list[] = {{"allow", ReorderedColumns::allow},
                                                        {"fail", ReorderedColumns::fail}};
};

namespace {

/// A column as it is written.
struct ColumnText {
  std::optional<std::string> name;  ///< in the list form
  std::optional<std::string> type;
  bool required = false;
  std::optional<std::string> min, max;
  std::optional<int64_t> min_length, max_length;
  std::optional<std::string> pattern;
  std::vector<std::string> allowed;
  std::optional<std::string> sql;
  std::vector<std::string> nulls;
  std::string format;
  std::string doc;

  static const Spec<ColumnText>& spec() {
    static const auto spec =
        Spec<ColumnText>("column", "One column of a contract")
            .field("name", &ColumnText::name, "in the list form: the column's name")
            .field("type", &ColumnText::type, "its type, in our spelling or SQL's; left out, whatever comes",
                   {.example = "decimal(10,2)"})
            .field("required", &ColumnText::required, "no NULL; `NOT NULL` behind the type says the same")
            .field("min", &ColumnText::min, "least value", {.example = "0"})
            .field("max", &ColumnText::max, "greatest value", {.example = "2030-12-31"})
            .field("min_length", &ColumnText::min_length, "least number of characters")
            .field("max_length", &ColumnText::max_length, "greatest number of characters; `VARCHAR(n)` says the same")
            .field("pattern", &ColumnText::pattern, "regular expression (RE2) that the whole value matches",
                   {.example = "[A-Z]{3}"})
            .field("allowed", &ColumnText::allowed, "the only values there may be", {.example = "[EWR, JFK, LGA]"})
            .field("sql", &ColumnText::sql, "an expression over the row's columns that must not be false",
                   {.example = "arrived >= departed"})
            .field("nulls", &ColumnText::nulls, "texts that mean NULL in this column", {.example = "[NA, '-']"})
            .field("format", &ColumnText::format,
                   "how dates and times are written; left out, ISO 8601 and what is guessed", {.example = "%d.%m.%Y"})
            .field("doc", &ColumnText::doc, "what it means");
    return spec;
  }
};

std::string columns_schema() {
  const std::string column = spec_json_schema(ColumnText::spec().info());
  return R"({"anyOf":[{"type":"object","additionalProperties":{"anyOf":[{"type":"string"},)" + column +
         R"(]}},{"type":"array","items":)" + column + "}]}";
}

/// Everything beside the columns, which come in three forms and are read by hand.
struct ContractText {
  std::optional<std::string> table;
  Node columns;
  std::vector<std::string> nulls;
  ExtraColumns extra = ExtraColumns::fail;
  MissingColumns missing = MissingColumns::fail;
  ReorderedColumns reordered = ReorderedColumns::allow;

  static const Spec<ContractText>& spec() {
    static const auto spec =
        Spec<ContractText>("contract", "The columns that rows must have: names, types, rules")
            .description(
                "Three forms mean the same. The long one has `columns:`, a map of column name to its rules (or to its "
                "type alone). "
                "The short one is that map alone: `school: VARCHAR(10)`. The list form names the table: "
                "`students: [ { name: school, type: VARCHAR(10) }, ... ]`. Column names match ignoring case and "
                "punctuation.")
            .field("table", &ContractText::table, "the table's name")
            .field("columns", &ContractText::columns, "the columns, in their order",
                   {.required = true,
                    .type = "map of name: type or column",
                    .json_schema = columns_schema(),
                    .inner = &ColumnText::spec().info()})
            .field("nulls", &ContractText::nulls,
                   "texts that mean NULL in every column; left out, the empty text in columns that are not text",
                   {.example = "[NA]"})
            .field("extra", &ContractText::extra, "what a column that is not in the contract does")
            .field("missing", &ContractText::missing,
                   "what a column that is not in the data does: stops, or is NULL in every row")
            .field("reordered", &ContractText::reordered, "whether columns may come in another order")
            .example(
                "columns:\n  school: { type: VARCHAR(10), required: true }\n  age: { type: int32, min: 5, max: 99 }\n"
                "  enrolled: date\nnulls: [NA]\nextra: drop\n");
    return spec;
  }
};

/// Takes a trailing `NOT NULL` or `NULL` off a type.
bool take_not_null(std::string& type) {
  const auto ends_with_words = [&](std::string_view words) {
    if (type.size() <= words.size()) return false;
    const std::string_view tail = std::string_view(type).substr(type.size() - words.size());
    const bool same = std::equal(tail.begin(), tail.end(), words.begin(),
                                 [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
    return same && type[type.size() - words.size() - 1] == ' ';
  };
  const auto cut = [&](size_t bytes) {
    type.resize(type.size() - bytes);
    type.resize(type.find_last_not_of(' ') + 1);
  };
  if (ends_with_words("NOT NULL")) {
    cut(8);
    return true;
  }
  if (ends_with_words("NULL")) cut(4);
  return false;
}

class ContractReader {
 public:
  explicit ContractReader(Problems& problems) : problems_(problems) {}

  Contract read(const Node& node) {
    contract_.place = node.place;
    if (!node.is_map() || node.entries.empty()) {
      wrong_type(node, "contract", "a map of columns", problems_, "such as `school: VARCHAR(10)`, a line each");
      return std::move(contract_);
    }
    if (const Node* columns = node.find("columns"); columns != nullptr && !columns->is_scalar()) {
      read_long(node, *columns);
    } else if (node.entries.size() == 1 && is_column_list(node.entries[0].value)) {
      if (node.entries[0].name != "table") contract_.name = node.entries[0].name;
      read_columns(node.entries[0].value);
    } else {
      read_columns(node);
    }
    return std::move(contract_);
  }

 private:
  static bool is_column_list(const Node& node) {
    return node.is_list() &&
           std::all_of(node.items.begin(), node.items.end(), [](const Node& item) { return item.is_map(); });
  }

  void read_long(const Node& node, const Node& columns) {
    const ContractText text = ContractText::spec().parse(node, problems_, "contract");
    if (text.table) contract_.name = *text.table;
    contract_.nulls = text.nulls;
    contract_.extra = text.extra;
    contract_.missing = text.missing;
    contract_.reordered = text.reordered;
    read_columns(columns);
  }

  void read_columns(const Node& node) {
    if (node.is_map()) {
      for (const Node::Entry& entry : node.entries) add(entry.name, entry.place, entry.value);
    } else if (node.is_list()) {
      for (const Node& item : node.items) {
        const Node* name = item.find("name");
        if (name == nullptr || !name->is_scalar()) {
          problems_.add(item.place, "a column of the list needs `name`", "such as { name: school, type: VARCHAR(10) }");
          continue;
        }
        add(name->scalar, name->place, item);
      }
    }
    if (contract_.columns.empty() && problems_.empty()) problems_.add(node.place, "the contract has no columns");
  }

  void add(const std::string& name, const Place& place, const Node& node) {
    ContractColumn column;
    column.name = name;
    column.place = place;
    const auto [first, is_new] = names_.emplace(name_key(name), name);
    if (!is_new) {
      problems_.add(place, "column `" + name + "` is there twice",
                    first->second == name
                        ? ""
                        : "`" + first->second + "` is the same name, as case and punctuation do not count");
    }
    if (node.unknown) {
      // what it is was not to be had, which was told
    } else if (node.is_scalar()) {
      read_type(node.scalar, node.place, column);
    } else {
      read_rules(node, column);
    }
    contract_.columns.push_back(std::move(column));
  }

  void read_rules(const Node& node, ContractColumn& column) {
    const ColumnText text = ColumnText::spec().parse(node, problems_, column.name);
    Rules& rules = column.rules;
    rules = {text.required, text.min, text.max, text.min_length, text.max_length, text.pattern, text.allowed, text.sql};
    column.nulls = text.nulls;
    column.format = text.format;
    column.doc = text.doc;
    if (text.type && !node.find("type")->unknown) read_type(*text.type, node.find("type")->place, column);
    if (rules.min_length && rules.max_length && *rules.min_length > *rules.max_length) {
      problems_.add(node.find("min_length") != nullptr ? node.find("min_length")->place : node.place,
                    "`min_length` of `" + column.name + "` is greater than its greatest length: " +
                        std::to_string(*rules.min_length) + " > " + std::to_string(*rules.max_length));
    }
    for (const char* key : {"min", "max"}) {
      const auto& bound = key == std::string_view("min") ? rules.min : rules.max;
      if (bound) check_bound(key, *bound, node.find(key)->place, column);
    }
  }

  void check_bound(const std::string& key, const std::string& text, const Place& place, const ContractColumn& column) {
    if (!column.type || text_fits(text, *column.type)) return;
    problems_.add(place,
                  "`" + key + "` of `" + column.name + "` is no " + type_name(**column.type) + ": `" + text + "`");
  }

  void read_type(const std::string& written, const Place& place, ContractColumn& column) {
    column.type_text = written;
    std::string text = written;
    if (take_not_null(text)) column.rules.required = true;
    auto type = parse_type(text);
    if (!type) {
      std::string word = text.substr(0, text.find_first_of("(< ["));
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      const std::string near = did_you_mean(word, type_words());
      const bool known = near.empty() || near == word;
      problems_.add(place, "type of `" + column.name + "`: " + type.error().what,
                    known ? type.error().hint : "did you mean `" + near + "`?");
      return;
    }
    column.type = type->type;
    if (type->max_length && !column.rules.max_length) column.rules.max_length = type->max_length;
  }

  Problems& problems_;
  Contract contract_;
  std::unordered_map<std::string, std::string> names_;
};

std::string list_text(const std::vector<std::string>& items) {
  std::vector<std::string> texts;
  for (const std::string& item : items) texts.push_back(yaml_scalar(item));
  return "[" + joined(texts, ", ") + "]";
}

std::string column_text(const ContractColumn& column) {
  std::vector<std::string> parts;
  const auto add = [&](const char* key, const std::string& value) { parts.push_back(std::string(key) + ": " + value); };
  const Rules& rules = column.rules;
  const std::string type = column.type ? type_name(**column.type) : column.type_text;
  if (!type.empty()) add("type", yaml_scalar(type));
  if (rules.required) add("required", "true");
  if (rules.min) add("min", yaml_scalar(*rules.min));
  if (rules.max) add("max", yaml_scalar(*rules.max));
  if (rules.min_length) add("min_length", std::to_string(*rules.min_length));
  if (rules.max_length) add("max_length", std::to_string(*rules.max_length));
  if (rules.pattern) add("pattern", yaml_scalar(*rules.pattern));
  if (!rules.allowed.empty()) add("allowed", list_text(rules.allowed));
  if (rules.sql) add("sql", yaml_scalar(*rules.sql));
  if (!column.nulls.empty()) add("nulls", list_text(column.nulls));
  if (!column.format.empty()) add("format", yaml_scalar(column.format));
  if (!column.doc.empty()) add("doc", yaml_scalar(column.doc));
  if (parts.size() == 1 && !type.empty()) return yaml_scalar(type);
  return parts.empty() ? "{}" : "{ " + joined(parts, ", ") + " }";
}

}  // namespace

const SpecInfo& contract_spec() { return ContractText::spec().info(); }

const ContractColumn* Contract::find(std::string_view column) const {
  const std::string key = name_key(column);
  for (const ContractColumn& candidate : columns) {
    if (name_key(candidate.name) == key) return &candidate;
  }
  return nullptr;
}

Contract parse_contract(const Node& node, Problems& problems) {
  Problems found;
  Contract contract = ContractReader(found).read(node);
  problems.add(found);
  return contract;
}

std::optional<Contract> load_contract(Env& env, const std::string& folder, const Node& node, const Variables& variables,
                                      Problems& problems, std::string* file) {
  if (node.unknown) return std::nullopt;
  Problems found;
  std::optional<Contract> contract;
  if (!node.is_scalar()) {
    contract = parse_contract(node, found);
  } else if (!node.scalar.ends_with(".yaml") && !node.scalar.ends_with(".yml") && !node.scalar.ends_with(".avsc")) {
    found.add(node.place, "a contract is read from .yaml, .yml or .avsc, not from `" + node.shown() + "`");
  } else {
    const std::string path = join_path(folder, node.scalar);
    if (file != nullptr) *file = path;
    if (auto text = env.read_text(path); !text) {
      found.add(node.place, "contract `" + node.shown() + "` cannot be read: " + text.error().what, text.error().hint);
    } else if (path.ends_with(".avsc")) {
      contract = parse_avro_contract(*text, path, found);
    } else {
      const Node root = parse_yaml(*text, path, variables, found);
      if (found.empty()) contract = parse_contract(root, found);
    }
  }
  problems.add(found);
  // Half a contract would only be broken by every file.
  if (!found.empty()) return std::nullopt;
  return contract;
}

Schema contract_schema(const Contract& contract) {
  std::vector<ColumnInfo> columns;
  for (const ContractColumn& column : contract.columns) {
    columns.push_back({column.name, column.type ? *column.type : text_type(), !column.rules.required});
  }
  return make_schema(columns);
}

std::string contract_text(const Contract& contract) {
  std::string out =
      "# The columns that rows must have. Types: see docs/guide/types.md; rules: trommel describe contract.\n";
  if (!contract.name.empty()) out += "table: " + yaml_scalar(contract.name) + "\n";
  out += "columns:\n";
  for (const ContractColumn& column : contract.columns)
    out += "  " + yaml_scalar(column.name) + ": " + column_text(column) + "\n";
  if (!contract.nulls.empty()) out += "nulls: " + list_text(contract.nulls) + "  # texts that mean NULL\n";
  out += "extra: " + Reads<ExtraColumns>::text(contract.extra) +
         "  # a column that is not named here: fail, drop or keep\n";
  out +=
      "missing: " + Reads<MissingColumns>::text(contract.missing) + "  # a column that does not come: fail or null\n";
  out += "reordered: " + Reads<ReorderedColumns>::text(contract.reordered) +
         "  # columns in another order: allow or fail\n";
  return out;
}

}  // namespace trommel
