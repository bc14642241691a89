#include "transforms/check/check.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <variant>

#include "config/pipeline.h"
#include "query/database.h"
#include "transforms/check/faults.h"
#include "transforms/check/rules.h"
#include "transforms/check/sql_rules.h"

namespace trommel {

namespace {

using Texts = std::vector<std::string>;

/// Rules as they are written, for one column or in a list.
struct Rule {
  std::string column, name;
  std::optional<std::string> type, min, max, pattern, sql;
  bool required = false;
  std::optional<int64_t> min_length, max_length;
  Texts allowed;

  static const Spec<Rule>& spec();
  bool is_of_column() const {
    return type || min || max || pattern || required || min_length || max_length || !allowed.empty();
  }
};

const Spec<Rule>& Rule::spec() {
  static const auto spec =
      Spec<Rule>("rule", "What must hold")
          .field("column", &Rule::column, "the column, in a list of rules; in a map the column is the key",
                 {.example = "dep_time"})
          .field("name", &Rule::name, "of an SQL rule; its rejects are grouped under it", {.example = "no_time_travel"})
          .field("type", &Rule::type, "the column is turned into this type; a value that does not fit breaks the rule",
                 {.example = "int16"})
          .field("required", &Rule::required, "no NULL")
          .field("min", &Rule::min, "the least value allowed", {.example = "0"})
          .field("max", &Rule::max, "the greatest value allowed", {.example = "2400"})
          .field("min_length", &Rule::min_length, "characters at least", {.example = "1"})
          .field("max_length", &Rule::max_length, "characters at most", {.example = "10"})
          .field("pattern", &Rule::pattern, "regular expression (RE2) that the whole value must match",
                 {.example = "'[A-Z]{3}'"})
          .field("allowed", &Rule::allowed, "the only values allowed", {.example = "[EWR, JFK, LGA]"})
          .field("sql", &Rule::sql, "SQL expression over the columns of a row that must not be false; NULL passes",
                 {.example = "arr_time >= dep_time"});
  return spec;
}

struct CheckConfig {
  std::optional<std::variant<Path, Pairs<Node>>> contract;
  std::variant<Pairs<Rule>, std::vector<Rule>> rules;
};

constexpr const char* description =
    "A row that breaks a rule is a reject: code, column and value name the first rule broken: `type` of any column, "
    "then in the order of the columns `required`, "
    "`min`, `max`, `min_length`, `max_length`, `pattern`, `allowed`, and SQL last; the reason goes on with up to two "
    "more. NULL breaks `required` only. "
    "`min` and `max` are allowed themselves; NaN lies between no two numbers.\n\n"
    "With a `contract`, columns are matched as in a source: names ignoring case and punctuation, `extra`, `missing` "
    "and `reordered` as the contract says, "
    "and rows leave with the contract's names and types.";

constexpr const char* example =
    "name: flights\n"
    "sources:\n"
    "  flights: { files: flights.csv.zip }\n"
    "transforms:\n"
    "  good:\n"
    "    check:\n"
    "      rules:\n"
    "        - { column: dep_time, min: 0, max: 2400 }\n"
    "        - { column: origin, required: true, allowed: [EWR, JFK, LGA] }\n"
    "        - { name: on_this_earth, sql: distance < 20000 }\n"
    "sinks:\n"
    "  out: { files: output/flights.parquet }\n";

const Spec<CheckConfig>& check_spec() {
  static const auto spec =
      Spec<CheckConfig>("check", "Lets rows pass that keep the rules, and rejects the others")
          .description(description)
          .example(example)
          .field("contract", &CheckConfig::contract, "the contract that rows must keep: a file, or the contract itself",
                 {.example = "contract.yaml", .type = "file or contract"})
          .field("rules", &CheckConfig::rules, "rules by column, or a list of rules",
                 {.example = "{ dep_time: { min: 0, max: 2400 } }", .type = "map of column: rules, or list of rules"});
  return spec;
}

// ---- binding ------------------------------------------------------------------------------------

struct Checked {
  int from = -1;  // index in the input; -1: missing, all NULL
  std::string name;
  Type type;
  bool cast = false;
  bool nullable = true;
};

struct Checks {
  Schema schema;
  std::vector<Checked> columns;
  std::vector<std::pair<size_t, ColumnRules>> rules;  // by column of `columns`
  std::shared_ptr<const std::vector<SqlRule>> sql;
  bool same_columns = true;  // rows leave with the very columns that they came with
};

class Binder {
 public:
  Binder(const Node& settings, const arrow::Schema& input, const BindContext& context, Problems& problems)
      : settings_(settings),
        input_(input),
        context_(context),
        problems_(problems),
        checks_(std::make_shared<Checks>()) {
    for (int i = 0; i < input.num_fields(); ++i) {
      const auto& field = input.field(i);
      columns_.push_back({i, field->name(), field->type(), false, field->nullable()});
    }
  }

  Result<std::shared_ptr<const Checks>> bind(const CheckConfig& config) {
    if (config.contract) {
      if (const auto contract = load_contract(config)) apply(*contract);
    }
    if (const auto* by_column = std::get_if<Pairs<Rule>>(&config.rules)) {
      for (const auto& pair : *by_column) add(pair.value, pair.key, pair.place);
    } else {
      const Node* list = settings_.find("rules");
      const auto& rules = std::get<std::vector<Rule>>(config.rules);
      for (size_t i = 0; i < rules.size(); ++i) {
        const Place place = list->is_list() && i < list->items.size() ? list->items[i].place : list->place;
        add(rules[i], rules[i].column, place);
      }
    }
    if (!config.contract && settings_.find("rules") == nullptr)
      problems_.add(settings_.place, "there is nothing to check", "give `contract` or `rules`");
    make_rules();
    finish_schema();
    TRY(bind_sql());
    return checks_;
  }

 private:
  std::optional<Contract> load_contract(const CheckConfig& config) {
    const size_t before = problems_.size();
    Node node = *settings_.find("contract");
    if (const auto* path = std::get_if<Path>(&*config.contract)) {
      node = load_yaml(*context_.env, join_path(context_.folder, path->text), process_environment(), problems_);
      if (problems_.size() > before) return std::nullopt;
    }
    Contract contract = parse_contract(node, problems_);
    if (problems_.size() > before) return std::nullopt;
    return contract;
  }

  Place contract_place() const { return settings_.find("contract")->place; }

  Texts names() const {
    Texts out;
    for (const Checked& column : columns_) out.push_back(column.name);
    return out;
  }

  // By its name, else by its name ignoring case and punctuation; npos and a problem when there is none or more than
  // one.
  static constexpr size_t npos = static_cast<size_t>(-1);
  size_t find(const std::string& name) const {
    size_t found = npos;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == name) return i;
      if (name_key(columns_[i].name) == name_key(name)) found = found == npos ? i : npos - 1;
    }
    return found >= npos - 1 ? npos : found;
  }
  size_t need(const std::string& name, const Place& place) {
    const size_t at = find(name);
    if (at != npos) return at;
    const std::string near = did_you_mean(name, names());
    problems_.add(place, fmt::format("no column `{}` comes in here", name),
                  near.empty() ? fmt::format("there are: {}", fmt::join(names(), ", "))
                               : fmt::format("did you mean `{}`?", near));
    return npos;
  }

  void apply(const Contract& contract) {
    std::vector<bool> named(columns_.size(), false);
    size_t last = 0;
    bool in_order = true;
    for (const ContractColumn& wanted : contract.columns) {
      size_t at = find(wanted.name);
      if (at == npos) {
        if (contract.missing == MissingColumns::fail) {
          const std::string near = did_you_mean(wanted.name, names());
          problems_.add(contract_place(), fmt::format("column `{}` of the contract is missing", wanted.name),
                        near.empty() ? "`missing: null` in the contract fills it with NULL"
                                     : fmt::format("did you mean `{}`?", near));
          continue;
        }
        at = columns_.size();
        columns_.push_back({-1, wanted.name, wanted.type ? *wanted.type : arrow::utf8(), false, true});
        named.push_back(true);
      } else {
        in_order = in_order && at >= last;
        last = at;
        named[at] = true;
      }
      columns_[at].name = wanted.name;
      if (wanted.type) turn_into(at, *wanted.type, wanted.place);
      rules_.push_back({at, wanted.rules, wanted.place});
      if (wanted.rules.sql) sql_.push_back({"sql", wanted.name, *wanted.rules.sql, wanted.place, {}});
    }
    if (!in_order && contract.reordered == ReorderedColumns::fail) {
      problems_.add(contract_place(), "the columns come in another order than the contract's",
                    "`reordered: allow` in the contract lets them");
    }
    if (contract.extra == ExtraColumns::keep) return;
    for (size_t i = columns_.size(); i-- > 0;) {
      if (named[i]) continue;
      if (contract.extra == ExtraColumns::fail) {
        problems_.add(contract_place(), fmt::format("column `{}` is not in the contract", columns_[i].name),
                      "`extra: keep` or `extra: drop` in the contract says what to do with it");
      } else {
        leave_out(i);
      }
    }
  }

  void leave_out(size_t at) {
    columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(at));
    for (auto& rules : rules_) {
      if (rules.column > at) --rules.column;
    }
  }

  void turn_into(size_t at, const Type& type, const Place& place) {
    Checked& column = columns_[at];
    if (same_type(*column.type, *type)) return;
    auto nothing = arrow::MakeEmptyArray(column.type);
    if (!nothing.ok() || !cast_column(*nothing, type)) {
      problems_.add(place, fmt::format("column `{}` is {} and cannot become {}", column.name, type_name(*column.type),
                                       type_name(*type)));
      return;
    }
    column.type = type;
    column.cast = column.from >= 0;
  }

  void add(const Rule& rule, const std::string& column, const Place& place) {
    if (column.empty()) {
      if (rule.is_of_column()) problems_.add(place, "a rule of a column has to name it", "`column: NAME`");
      if (!rule.sql && !rule.is_of_column())
        problems_.add(place, "a rule without a condition",
                      "`sql: EXPRESSION`, or `column: NAME` and what must hold of it");
    }
    if (rule.sql) sql_.push_back({rule.name.empty() ? "sql" : rule.name, column, *rule.sql, place, {}});
    if (column.empty()) return;
    const size_t at = need(column, place);
    if (at == npos) return;
    if (rule.sql) sql_.back().column = columns_[at].name;
    Rules rules{rule.required,   rule.min,     rule.max,     rule.min_length,
                rule.max_length, rule.pattern, rule.allowed, std::nullopt};
    if (rule.type) {
      auto type = parse_type(*rule.type);
      if (!type) {
        problems_.add(place, type.error().what, type.error().hint);
      } else {
        turn_into(at, type->type, place);
        if (type->max_length && !rules.max_length) rules.max_length = type->max_length;
      }
    }
    rules_.push_back({at, rules, place});
  }

  // All types are settled only now: a rule further down may have turned a column into another type.
  void make_rules() {
    std::stable_sort(rules_.begin(), rules_.end(), [](const auto& a, const auto& b) { return a.column < b.column; });
    for (const auto& rules : rules_) {
      Checked& column = columns_[rules.column];
      if (rules.rules.required) column.nullable = false;
      checks_->rules.emplace_back(rules.column,
                                  ColumnRules(column.name, column.type, rules.rules, rules.place, problems_));
    }
  }

  void finish_schema() {
    arrow::FieldVector fields;
    checks_->same_columns = columns_.size() == static_cast<size_t>(input_.num_fields());
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Checked& column = columns_[i];
      const auto field = column.from < 0 ? arrow::field(column.name, column.type) : input_.field(column.from);
      fields.push_back(field->WithName(column.name)->WithType(column.type)->WithNullable(column.nullable));
      checks_->same_columns = checks_->same_columns && column.from == static_cast<int>(i) && !column.cast;
    }
    checks_->schema = arrow::schema(std::move(fields));
    checks_->columns = columns_;
  }

  Result<> bind_sql() {
    if (!sql_.empty() && problems_.empty()) {
      ASSIGN(auto database, context_.database());
      TRY(bind_sql_rules(sql_, checks_->schema, *database, problems_));
    }
    checks_->sql = std::make_shared<const std::vector<SqlRule>>(std::move(sql_));
    return {};
  }

  struct RulesOf {
    size_t column;
    Rules rules;
    Place place;
  };
  const Node& settings_;
  const arrow::Schema& input_;
  const BindContext& context_;
  Problems& problems_;
  std::shared_ptr<Checks> checks_;
  std::vector<Checked> columns_;
  std::vector<RulesOf> rules_;
  std::vector<SqlRule> sql_;
};

// ---- running ------------------------------------------------------------------------------------

class Check : public Transform {
 public:
  Check(std::shared_ptr<const Checks> checks, std::unique_ptr<SqlTester> sql)
      : checks_(std::move(checks)), sql_(std::move(sql)) {}

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    if (batch.size() == 0) return {};
    Faults faults;
    std::vector<std::vector<int64_t>> refused(checks_->columns.size());
    ASSIGN(const Rows rows, typed(batch, refused, faults));
    for (const auto& [column, rules] : checks_->rules)
      TRY(rules.test(rows->column(static_cast<int>(column)), refused[column], faults));
    if (sql_) TRY(sql_->test(rows, faults));
    Batch out{rows, batch.positions, batch.block};
    if (!faults.empty()) {
      std::vector<uint8_t> keep(static_cast<size_t>(batch.size()), 1);
      const std::vector<Refusal> refusals = faults.refusals();
      for (const Refusal& refusal : refusals) keep[static_cast<size_t>(refusal.row)] = 0;
      outlet.reject(batch, refusals);
      ASSIGN(out, filter(out, keep));
    }
    if (out.size() > 0) outlet.emit(std::move(out));
    return {};
  }

 private:
  // The rows with the names and types that they leave with. Until its rejects are taken out, a column that may hold no
  // NULL can hold some.
  Result<Rows> typed(const Batch& batch, std::vector<std::vector<int64_t>>& refused, Faults& faults) const {
    if (checks_->same_columns)
      return Rows(arrow::RecordBatch::Make(checks_->schema, batch.size(), batch.rows->columns()));
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (size_t i = 0; i < checks_->columns.size(); ++i) {
      const Checked& plan = checks_->columns[i];
      if (plan.from < 0) {
        auto nothing = arrow::MakeArrayOfNull(plan.type, batch.size());
        if (!nothing.ok()) return tl::unexpected(from_arrow(nothing.status(), "check"));
        columns.push_back(*nothing);
        continue;
      }
      const auto& column = batch.rows->column(plan.from);
      if (!plan.cast) {
        columns.push_back(column);
        continue;
      }
      ASSIGN(auto outcome, cast_column(column, plan.type));
      for (const int64_t row : outcome.refused) {
        const std::string value = value_text(*column, row);
        faults.add(row, "type", plan.name, value, fmt::format("type: `{}` is no {}", value, type_name(*plan.type)));
      }
      refused[i] = std::move(outcome.refused);
      columns.push_back(std::move(outcome.column));
    }
    return Rows(arrow::RecordBatch::Make(checks_->schema, batch.size(), std::move(columns)));
  }

  const std::shared_ptr<const Checks> checks_;
  const std::unique_ptr<SqlTester> sql_;
};

Result<BoundTransform> bind_check(const Node& settings, const std::vector<InputInfo>& inputs,
                                  const BindContext& context, Problems& problems) {
  BoundTransform bound;
  bound.schema = inputs.at(0).schema;
  Problems found;
  const CheckConfig config = check_spec().parse(settings, found);
  std::shared_ptr<const Checks> checks;
  if (found.empty()) {
    Binder binder(settings, *inputs.at(0).schema, context, found);
    ASSIGN(checks, binder.bind(config));
  }
  problems.add(found);
  if (!found.empty()) return bound;
  bound.schema = checks->schema;
  bound.make = [checks, database = context.database]() -> Result<std::unique_ptr<Transform>> {
    std::unique_ptr<SqlTester> sql;
    if (!checks->sql->empty()) {
      ASSIGN(auto opened, database());
      ASSIGN(sql, SqlTester::make(checks->sql, checks->schema, opened));
    }
    return std::make_unique<Check>(checks, std::move(sql));
  };
  return bound;
}

}  // namespace

TransformKind check_transform() {
  TransformKind kind;
  kind.spec = &check_spec().info();
  kind.bind = bind_check;
  return kind;
}

}  // namespace trommel
