#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "transforms/clean/names.h"
#include "transforms/clean/steps.h"

namespace trommel {
namespace {

using Texts = std::vector<std::string>;

class Binder {
 public:
  Binder(const CleanConfig& config, const Node& settings, const arrow::Schema& input, const BindContext& context,
         Problems& problems)
      : config_(config), settings_(settings), context_(context), problems_(problems) {
    Texts names;
    for (const auto& field : input.fields()) names.push_back(field->name());
    Texts tidy = names;
    if (config.names == NameStyle::snake_case) tidy = snake_case_names(names);
    if (config.names == NameStyle::lower) tidy = lower_case_names(names);
    for (size_t i = 0; i < names.size(); ++i) {
      const auto& field = input.field(static_cast<int>(i));
      Cleaned& column = columns_.emplace_back();
      column.from = static_cast<int>(i);
      column.original = names[i];
      column.tidy = column.name = tidy[i];
      column.type = field->type();
      column.nullable = field->nullable();
    }
  }

  void bind() {
    rename();
    select_and_drop();
    nulls();
    texts();
    map();
    split();
    merge();
    refuse_doubles();
    parse();
    cast();
    fill();
    null_rows();
  }

  void hand_over(Steps& steps) {
    steps.columns = std::move(columns_);
    steps.splits = std::move(splits_);
    steps.merges = std::move(merges_);
    steps.out = std::move(order_);
    steps.must_not_be_null = std::move(must_not_be_null_);
  }

 private:
  // The place of the n-th name of a setting that is a list of names or a single one.
  Place place_in(const char* setting, size_t n) const {
    const Node& node = settings_.at_or_self(setting);
    return node.is_list() && n < node.items.size() ? node.items[n].place : node.place;
  }

  static bool same(const Cleaned& column, std::string Cleaned::* which, const std::string& name) {
    return column.*which == name;
  }

  // A name after renaming goes before one from earlier: `rename: {a: b, b: c}` makes `b` the first column from there
  // on.
  Cleaned* find(const std::string& name, const Place& place, bool gone_too = false) {
    Cleaned* gone = nullptr;
    for (const auto which : {&Cleaned::name, &Cleaned::tidy, &Cleaned::original}) {
      for (Cleaned& column : columns_) {
        if (!same(column, which, name)) continue;
        if (column.gone == nullptr || gone_too) return &column;
        if (gone == nullptr) gone = &column;
      }
    }
    if (gone != nullptr) {
      problems_.add(place, fmt::format("column `{}` was left out by `{}`", name, gone->gone),
                    "columns are left out before this step");
      return nullptr;
    }
    Texts known;
    for (const Cleaned& column : columns_) {
      for (const std::string& one : {column.name, column.original}) known.push_back(one);
    }
    const std::string near = did_you_mean(name, known);
    Texts names;
    for (const Cleaned& column : columns_) names.push_back(column.name);
    problems_.add(
        place, fmt::format("no column `{}` comes in here", name),
        near.empty() ? fmt::format("there are: {}", fmt::join(names, ", ")) : fmt::format("did you mean `{}`?", near));
    return nullptr;
  }

  void rename() {
    std::vector<std::pair<Cleaned*, std::string>> renamed;
    for (const auto& pair : config_.rename) {
      Cleaned* column = find(pair.key, pair.place);
      if (column == nullptr) continue;
      if (pair.value.empty()) problems_.add(pair.place, fmt::format("column `{}` would have no name", pair.key));
      renamed.emplace_back(column, pair.value);
    }
    for (auto& [column, name] : renamed) column->name = name;
  }

  void select_and_drop() {
    for (size_t i = 0; i < config_.select.size(); ++i) {
      const Cleaned* column = find(config_.select[i], place_in("select", i));
      if (column == nullptr) continue;
      const auto index = static_cast<size_t>(column - columns_.data());
      if (std::find(order_.begin(), order_.end(), index) != order_.end()) {
        problems_.add(place_in("select", i), fmt::format("column `{}` is selected twice", config_.select[i]));
      } else {
        order_.push_back(index);
      }
    }
    if (config_.select.empty()) {
      for (size_t i = 0; i < columns_.size(); ++i) order_.push_back(i);
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (std::find(order_.begin(), order_.end(), i) == order_.end()) columns_[i].gone = "select";
    }
    for (size_t i = 0; i < config_.drop.size(); ++i) {
      Cleaned* column = find(config_.drop[i], place_in("drop", i), true);
      if (column == nullptr) continue;
      column->gone = "drop";
      std::erase(order_, static_cast<size_t>(column - columns_.data()));
    }
    if (order_.empty() && problems_.empty())
      problems_.add(settings_.at_or_self(config_.drop.empty() ? "select" : "drop").place, "no column is left");
  }

  void refuse_doubles() {
    std::map<std::string, const Cleaned*> taken;
    for (const size_t i : order_) {
      const Cleaned& column = columns_[i];
      const auto [there, fresh] = taken.emplace(column.name, &column);
      if (fresh) continue;
      Place place = settings_.at_or_self("rename").place;
      for (const auto& pair : config_.rename) {
        if (pair.value == column.name) place = pair.place;
      }
      problems_.add(place, fmt::format("two columns would be called `{}`: `{}` and `{}`", column.name,
                                       there->second->original, column.original));
    }
  }

  void nulls() {
    if (const auto* markers = std::get_if<Texts>(&config_.nulls)) {
      if (markers->empty()) return;
      for (Cleaned& column : columns_) {
        if (!is_text(*column.type)) continue;
        column.null_texts = *markers;
        column.nullable = true;
      }
      return;
    }
    for (const auto& pair : std::get<Pairs<Texts>>(config_.nulls)) {
      Cleaned* column = find(pair.key, pair.place);
      if (column == nullptr || pair.value.empty()) continue;
      column->nullable = true;
      if (is_text(*column->type)) {
        column->null_texts = pair.value;
      } else {
        column->null_values = values_of(pair.value, *column, pair.place);
      }
    }
  }

  void texts() {
    for (Cleaned& column : columns_) {
      if (!is_text(*column.type)) continue;
      column.normalize = config_.normalize;
      column.trim = config_.trim;
      column.collapse_spaces = config_.collapse_spaces;
      column.text = config_.text;
    }
  }

  // The column, where it is there and text.
  Cleaned* find_text(const std::string& name, const Place& place, const char* setting) {
    Cleaned* column = find(name, place);
    if (column == nullptr || is_text(*column->type)) return column;
    problems_.add(place,
                  fmt::format("`{}` is for text, and column `{}` is {}", setting, name, type_name(*column->type)));
    return nullptr;
  }

  void map() {
    for (const auto& pair : config_.map) {
      Cleaned* column = find_text(pair.key, pair.place, "map");
      MapRule rule;
      const size_t before = problems_.size();
      const bool whole =
          pair.value.is_map() && (pair.value.find("values") != nullptr || pair.value.find("table") != nullptr);
      if (whole) {
        rule = MapRule::spec().parse(pair.value, problems_, pair.key);
      } else {
        Reads<Pairs<std::optional<std::string>>>::read(pair.value, pair.key, rule.values, problems_);
      }
      if (column == nullptr || problems_.size() > before) continue;
      std::optional<ReferenceTable> table;
      if (!rule.table.empty()) table = map_table(rule, pair.value);
      if (problems_.size() > before) continue;
      column->map = std::make_shared<ValueMap>(rule, std::move(table));
      column->nullable = true;
    }
  }

  std::optional<ReferenceTable> map_table(const MapRule& rule, const Node& node) {
    const auto table = context_.tables.find(rule.table);
    if (table == context_.tables.end()) {
      Texts known;
      for (const auto& [name, unused] : context_.tables) known.push_back(name);
      const std::string near = did_you_mean(rule.table, known);
      problems_.add(node.find("table")->place, fmt::format("there is no table `{}`", rule.table),
                    near.empty() ? "name one under `tables:`" : fmt::format("did you mean `{}`?", near));
      return std::nullopt;
    }
    const arrow::Schema& schema = *table->second.schema;
    const auto has = [&](const char* setting, const std::string& name) {
      const Node* at = node.find(setting);
      const Place& place = at != nullptr ? at->place : node.place;
      if (name.empty())
        return problems_.add(place, fmt::format("`{}` must name a column of `{}`", setting, rule.table));
      if (schema.GetFieldIndex(name) >= 0) return;
      const std::string near = did_you_mean(name, schema.field_names());
      problems_.add(place, fmt::format("table `{}` has no column `{}`", rule.table, name),
                    near.empty() ? fmt::format("it has: {}", fmt::join(schema.field_names(), ", "))
                                 : fmt::format("did you mean `{}`?", near));
    };
    has("from", rule.from);
    has("to", rule.to);
    return table->second;
  }

  // A new column of text, placed among those that leave.
  size_t add_column(const std::string& name, size_t place) {
    Cleaned& column = columns_.emplace_back();
    column.original = column.tidy = column.name = name;
    column.type = text_type();
    order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(std::min(place, order_.size())), columns_.size() - 1);
    return columns_.size() - 1;
  }
  size_t place_in_order(size_t column) const {
    return static_cast<size_t>(std::find(order_.begin(), order_.end(), column) - order_.begin());
  }

  void split() {
    for (const auto& pair : config_.split) {
      const Cleaned* column = find_text(pair.key, pair.place, "split");
      if (pair.value.into.size() < 2) problems_.add(pair.place, "`into` names the columns: two or more");
      if (pair.value.by.empty()) problems_.add(pair.place, "`by` is the text between two parts");
      if (column == nullptr) continue;
      Splitting splitting{static_cast<size_t>(column - columns_.data()), {}, pair.value.by};
      size_t place = place_in_order(splitting.from);
      if (pair.value.keep) {
        ++place;
      } else {
        columns_[splitting.from].gone = "split";
        std::erase(order_, splitting.from);
      }
      for (const std::string& name : pair.value.into) splitting.into.push_back(add_column(name, place++));
      splits_.push_back(std::move(splitting));
    }
  }

  void merge() {
    for (const auto& pair : config_.merge) {
      Merging merging{{}, 0, pair.value.by};
      for (const std::string& name : pair.value.of) {
        if (const Cleaned* column = find(name, pair.place))
          merging.of.push_back(static_cast<size_t>(column - columns_.data()));
      }
      if (pair.value.of.empty()) problems_.add(pair.place, "`of` names the columns to put together");
      if (merging.of.size() < pair.value.of.size() || merging.of.empty()) continue;
      size_t place = order_.size();
      for (const size_t column : merging.of) {
        place = std::min(place, place_in_order(column));
        auto nothing = arrow::MakeEmptyArray(columns_[column].type);
        if (!nothing.ok() || !cast_column(*nothing, text_type()))
          problems_.add(pair.place, fmt::format("column `{}` is {} and cannot become text", columns_[column].name,
                                                type_name(*columns_[column].type)));
      }
      for (const size_t column : merging.of) {
        if (pair.value.keep) continue;
        columns_[column].gone = "merge";
        std::erase(order_, column);
      }
      merging.into = add_column(pair.key, place);
      merges_.push_back(std::move(merging));
    }
  }

  void parse() {
    for (const auto& pair : config_.parse) {
      Cleaned* column = find_text(pair.key, pair.place, "parse");
      const size_t before = problems_.size();
      ColumnFormat format = column_format(pair.value, pair.place);
      if (column == nullptr || problems_.size() > before) continue;
      column->type = format.type;
      column->parse_to_null = pair.value.otherwise == Unread::null;
      if (column->parse_to_null) column->nullable = true;
      column->parse = std::move(format);
    }
  }

  ColumnFormat column_format(const ParseRule& rule, const Place& place) {
    ColumnFormat out;
    bool zone = false, time = false;
    for (const std::string& text : rule.format) {
      auto format = TimeFormat::of(text);
      if (!format) {
        problems_.add(place, "`format`: " + format.error().what, format.error().hint);
        continue;
      }
      zone = zone || text.find("%z") != std::string::npos || text.find("%s") != std::string::npos;
      for (const char* part : {"%H", "%I", "%s", "%T", "%R"}) time = time || text.find(part) != std::string::npos;
      out.times.push_back(std::move(*format));
    }
    if (rule.type) {
      if (auto type = parse_type(*rule.type)) {
        out.type = type->type;
      } else {
        problems_.add(place, type.error().what, type.error().hint);
      }
    } else if (!rule.format.empty()) {
      out.type = !time ? arrow::date32() : arrow::timestamp(arrow::TimeUnit::MICRO, zone ? "UTC" : "");
    } else {
      problems_.add(place, "`parse` needs a `format` for dates and times, or a `type` for numbers",
                    "`{ type: 'decimal(10,2)', decimal: ',' }`");
    }
    if (!out.type) return out;
    const bool times = out.type->id() == arrow::Type::DATE32 || out.type->id() == arrow::Type::TIMESTAMP;
    if (!rule.format.empty() && !times)
      problems_.add(place, fmt::format("a `format` makes dates and timestamps, not {}", type_name(*out.type)));
    if (out.type->id() == arrow::Type::TIMESTAMP && zone &&
        static_cast<const arrow::TimestampType&>(*out.type).timezone().empty())
      problems_.add(place, fmt::format("the format has a zone, and {} has none", type_name(*out.type)),
                    "`type: timestamp(us, UTC)`");
    if (rule.format.empty() && times)
      problems_.add(place, "dates and timestamps are read by a `format`", "such as '%d.%m.%Y'");
    if (!rule.format.empty() && (!rule.decimal.empty() || !rule.thousands.empty()))
      problems_.add(place, "`decimal` and `thousands` are for numbers, `format` is for dates and times");
    out.decimal = sign(rule.decimal, "decimal", '.', place);
    out.thousands = sign(rule.thousands, "thousands", 0, place);
    if (out.decimal == out.thousands) problems_.add(place, "`decimal` and `thousands` are the same sign");
    return out;
  }

  char sign(const std::string& text, const char* setting, char usual, const Place& place) {
    if (text.empty()) return usual;
    const bool good = text.size() == 1 && (text[0] < '0' || text[0] > '9') && text[0] != '-' && text[0] != '+';
    if (!good) problems_.add(place, fmt::format("`{}` must be one sign, such as '.', ',' or ' '", setting));
    return text[0];
  }

  void cast() {
    for (const auto& pair : config_.cast) {
      Cleaned* column = find(pair.key, pair.place);
      auto to = parse_type(pair.value);
      if (!to) problems_.add(pair.place, to.error().what, to.error().hint);
      if (column == nullptr || !to) continue;
      // An empty column shows whether the two types go together at all.
      auto nothing = arrow::MakeEmptyArray(column->type);
      auto tried = nothing.ok() ? cast_column(*nothing, to->type)
                                : Result<CastOutcome>(tl::unexpected(from_arrow(nothing.status(), "cast")));
      if (!tried) {
        problems_.add(pair.place, fmt::format("column `{}` is {} and cannot become {}", pair.key,
                                              type_name(*column->type), type_name(*to->type)));
        continue;
      }
      if (!same_type(*column->type, *to->type)) column->cast = to->type;
      column->type = to->type;
    }
  }

  void fill() {
    for (const auto& pair : config_.fill) {
      if (Cleaned* column = find(pair.key, pair.place)) column->fill = values_of({pair.value}, *column, pair.place);
    }
  }

  // The texts as values of the column's type.
  ArrayPtr values_of(const Texts& texts, const Cleaned& column, const Place& place) {
    arrow::StringBuilder builder;
    ArrayPtr written;
    if (!builder.AppendValues(texts).ok() || !builder.Finish(&written).ok()) return nullptr;
    auto read = cast_column(written, column.type);
    if (read && read->refused.empty() && read->column->null_count() == 0) return read->column;
    const std::string bad = read && !read->refused.empty() ? texts[static_cast<size_t>(read->refused.front())]
                                                           : fmt::format("{}", fmt::join(texts, ", "));
    problems_.add(place, fmt::format("`{}` is not a value of column `{}`, which is {}", bad, column.name,
                                     type_name(*column.type)));
    return nullptr;
  }

  void null_rows() {
    if (!config_.drop_null_rows) return;
    if (std::holds_alternative<NullRows>(*config_.drop_null_rows)) {
      for (size_t i = 0; i < order_.size(); ++i) must_not_be_null_.push_back(i);
      return;
    }
    const Texts& names = std::get<Texts>(*config_.drop_null_rows);
    for (size_t i = 0; i < names.size(); ++i) {
      const Cleaned* column = find(names[i], place_in("drop_null_rows", i));
      if (column == nullptr) continue;
      const auto at = std::find(order_.begin(), order_.end(), static_cast<size_t>(column - columns_.data()));
      must_not_be_null_.push_back(static_cast<size_t>(at - order_.begin()));
    }
  }

  const CleanConfig& config_;
  const Node& settings_;
  const BindContext& context_;
  Problems& problems_;
  std::vector<Cleaned> columns_;
  std::vector<size_t> order_;
  std::vector<size_t> must_not_be_null_;
  std::vector<Splitting> splits_;
  std::vector<Merging> merges_;
};

}  // namespace

std::shared_ptr<Steps> bind_steps(const CleanConfig& config, const Node& settings, const InputInfo& input,
                                  const BindContext& context, Problems& problems) {
  auto steps = std::make_shared<Steps>();
  const size_t before = problems.size();
  Binder binder(config, settings, *input.schema, context, problems);
  binder.bind();
  if (problems.size() > before) return steps;
  binder.hand_over(*steps);
  const auto* rows = config.drop_null_rows ? std::get_if<NullRows>(&*config.drop_null_rows) : nullptr;
  steps->only_if_all = rows != nullptr && *rows == NullRows::all;
  arrow::FieldVector fields;
  Texts renamed;
  for (const size_t i : steps->out) {
    const Cleaned& column = steps->columns[i];
    const auto field = column.from < 0 ? arrow::field(column.name, column.type) : input.schema->field(column.from);
    fields.push_back(field->WithName(column.name)->WithType(column.type)->WithNullable(column.nullable));
    if (column.name != column.original) renamed.push_back(fmt::format("{} -> {}", column.original, column.name));
  }
  steps->schema = arrow::schema(std::move(fields));
  if (!renamed.empty()) steps->notes.push_back(fmt::format("names: {}", fmt::join(renamed, ", ")));
  if (!config.dedupe) return steps;
  const Place place = settings.find("dedupe")->place;
  const bool within_file = *config.dedupe == DedupeScope::within_file;
  if (!within_file && input.endless)
    problems.add(place, "on an endless input the rows of `dedupe: whole` would be remembered for ever",
                 "the `dedupe` transform has `within: 1d`");
  if (within_file && !input.keeps_positions)
    problems.add(place, "`dedupe: within_file`: rows no longer know their file here", "dedupe before that step");
  auto digester = RowDigester::of(*steps->schema);
  if (!digester) {
    problems.add(place, "`dedupe`: " + digester.error().what, "`drop` or `cast` the column");
    return steps;
  }
  steps->dedupe.emplace();
  steps->dedupe->digester = std::move(*digester);
  steps->dedupe->within_file = within_file;
  steps->dedupe->saves = input.endless;
  steps->dedupe->env = context.env;
  steps->dedupe->folder = context.state_folder + "/spill";
  return steps;
}

}  // namespace trommel
