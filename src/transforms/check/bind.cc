#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/pipeline.h"
#include "query/database.h"
#include "transforms/check/checks.h"
#include "transforms/check/outliers.h"

namespace trommel {
namespace {

using Texts = std::vector<std::string>;

class Binder {
 public:
  Binder(const Node& settings, const InputInfo& input, const BindContext& context, Problems& problems)
      : settings_(settings),
        input_(*input.schema),
        endless_(input.endless),
        context_(context),
        problems_(problems),
        checks_(std::make_shared<Checks>()) {
    for (int i = 0; i < input_.num_fields(); ++i) {
      const auto& field = input_.field(i);
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
    if (!config.contract && !config.whole && settings_.find("rules") == nullptr)
      problems_.add(settings_.place, "there is nothing to check", "give `contract`, `rules` or `whole`");
    make_rules();
    finish_schema();
    bind_exists();
    bind_unique();
    bind_outliers();
    if (config.whole) whole(*config.whole);
    TRY(bind_sql());
    return checks_;
  }

 private:
  std::optional<Contract> load_contract(const CheckConfig& config) {
    const size_t before = problems_.size();
    Node node = *settings_.find("contract");
    if (const auto* path = std::get_if<Path>(&*config.contract)) {
      if (path->text.ends_with(".avsc"))
        return trommel::load_contract(*context_.env, context_.folder, node, process_environment(), problems_);
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
      if (!rule.sql && !rule.is_unique() && !rule.is_of_column())
        problems_.add(place, "a rule without a condition",
                      "`sql: EXPRESSION`, or `column: NAME` and what must hold of it");
    }
    if (rule.sql) sql_.push_back({rule.name.empty() ? "sql" : rule.name, column, *rule.sql, place, {}});
    if (rule.within && !rule.is_unique())
      problems_.add(place, "`within` says how far back `unique` looks", "give `unique`, or leave it out");
    if (rule.is_unique()) unique_.push_back({rule, column, place});
    if (column.empty()) return;
    const size_t at = need(column, place);
    if (at == npos) return;
    if (rule.exists_in) exists_.push_back({at, *rule.exists_in, place});
    if (rule.outliers) outliers_.push_back({at, *rule.outliers, place});
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
    checks_->schema = checks_->out = arrow::schema(std::move(fields));
    checks_->columns = columns_;
  }

  void bind_exists() {
    for (const auto& [column, rule, place] : exists_) {
      // TABLE.COLUMN, where there is no table of that whole name.
      std::string name = rule.table, of = rule.column;
      const size_t dot = name.rfind('.');
      if (of.empty() && dot != std::string::npos && !context_.tables.contains(name)) {
        of = name.substr(dot + 1);
        name.resize(dot);
      }
      const auto table = context_.tables.find(name);
      if (table == context_.tables.end()) {
        Texts known;
        for (const auto& [other, unused] : context_.tables) known.push_back(other);
        const std::string near = did_you_mean(name, known);
        problems_.add(place, fmt::format("`exists_in`: there is no table `{}`", name),
                      near.empty() ? "name one under `tables:`" : fmt::format("did you mean `{}`?", near));
        continue;
      }
      const Checked& checked = columns_[column];
      if (of.empty()) of = checked.name;
      const auto field = table->second.schema->GetFieldByName(of);
      if (!field) {
        const std::string near = did_you_mean(of, table->second.schema->field_names());
        problems_.add(place, fmt::format("`exists_in`: table `{}` has no column `{}`", name, of),
                      near.empty() ? fmt::format("it has: {}", fmt::join(table->second.schema->field_names(), ", "))
                                   : fmt::format("did you mean `{}`?", near));
      } else if (!can_cast(*field->type(), *checked.type) || !RowDigester::of(*checks_->schema, {index(column)})) {
        problems_.add(place, fmt::format("`exists_in`: column `{}` is {}, and {}.{} is {}", checked.name,
                                         type_name(*checked.type), name, of, type_name(*field->type())));
      } else {
        checks_->exists.emplace_back(column, std::make_shared<ReferenceValues>(table->second, of, checked.type));
      }
    }
  }

  static int index(size_t column) { return static_cast<int>(column); }

  void bind_unique() {
    for (const auto& [rule, column, place] : unique_) {
      UniqueKey key;
      Texts names;
      if (const auto* listed = std::get_if<Texts>(&rule.unique)) {
        names = *listed;
      } else if (std::holds_alternative<WholeRow>(rule.unique)) {
        names = this->names();
      } else {
        names = {column};
      }
      for (const std::string& name : names) {
        const size_t at = need(name, place);
        if (at != npos) key.columns.push_back(index(at));
      }
      key.names = fmt::format("{}", fmt::join(names, ", "));
      key.within_us = rule.within ? rule.within->us : 0;
      if (endless_ && !rule.within)
        problems_.add(place, "on an endless input `unique` would remember for ever", "`within: 1d` says how long");
      if (const auto digester = RowDigester::of(*checks_->schema, key.columns); digester) {
        key.compares = digester->compares();
      } else {
        problems_.add(place, "`unique`: " + digester.error().what);
      }
      checks_->unique.push_back(std::move(key));
    }
  }

  void bind_outliers() {
    auto fields = checks_->schema->fields();
    for (const auto& [column, rule, place] : outliers_) {
      const Checked& checked = columns_[column];
      OutlierCheck check{index(column), checked.name,
                         rule.method,   rule.factor.value_or(OutlierColumn::usual_factor(rule.method)),
                         rule.action,   rule.flag};
      if (!OutlierColumn::takes(*checked.type))
        problems_.add(place, fmt::format("`outliers` are among numbers, and column `{}` is {}", checked.name,
                                         type_name(*checked.type)));
      if (check.factor <= 0) problems_.add(place, "`factor` must be more than 0");
      if (endless_)
        problems_.add(place, "`outliers` wait for the end of their input, and this one is endless",
                      "`min` and `max` hold without an end");
      if (rule.action != OutlierAction::flag && !rule.flag.empty())
        problems_.add(place, "`flag` names the column of `action: flag`", "`action: flag`, or leave it out");
      if (rule.action == OutlierAction::flag) {
        if (check.flag.empty()) check.flag = checked.name + "_outlier";
        const auto taken = [&](const auto& field) { return field->name() == check.flag; };
        if (std::ranges::any_of(fields, taken))
          problems_.add(place, fmt::format("there is a column `{}` already", check.flag), "`flag: NAME`");
        fields.push_back(arrow::field(check.flag, arrow::boolean(), false));
      }
      checks_->outliers.push_back(std::move(check));
    }
    checks_->out = arrow::schema(std::move(fields));
  }

  void whole(const WholeExpectation& expected) {
    const Node& node = *settings_.find("whole");
    checks_->whole = bind_whole(expected, node, *checks_->out, problems_);
    if (endless_)
      problems_.add(node.place, "`whole` is judged at the end of the input, and this one is endless",
                    "`run --once` ends with what is there");
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
  struct ExistsOf {
    size_t column;
    ExistsRule rule;
    Place place;
  };
  struct UniqueOf {
    Rule rule;
    std::string column;
    Place place;
  };
  struct OutliersOf {
    size_t column;
    OutlierRule rule;
    Place place;
  };
  const Node& settings_;
  const arrow::Schema& input_;
  const bool endless_;
  const BindContext& context_;
  Problems& problems_;
  std::shared_ptr<Checks> checks_;
  std::vector<Checked> columns_;
  std::vector<RulesOf> rules_;
  std::vector<SqlRule> sql_;
  std::vector<ExistsOf> exists_;
  std::vector<UniqueOf> unique_;
  std::vector<OutliersOf> outliers_;
};

}  // namespace

Result<std::shared_ptr<const Checks>> bind_checks(const CheckConfig& config, const Node& settings,
                                                  const InputInfo& input, const BindContext& context,
                                                  Problems& problems) {
  return Binder(settings, input, context, problems).bind(config);
}

}  // namespace trommel
