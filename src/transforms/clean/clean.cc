#include "transforms/clean/clean.h"

#include <arrow/api.h>
#include <arrow/util/bit_util.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "transforms/clean/names.h"
#include "transforms/clean/values.h"
#include "transforms/dedupe/first_rows.h"

namespace trommel {

enum class NameStyle { as_they_are, snake_case, lower };
enum class NullRows { any, all };
enum class DedupeScope { within_file };

template <>
struct EnumNames<NameStyle> {
  static constexpr EnumName<NameStyle> list[] = {
      {"snake_case", NameStyle::snake_case}, {"lower", NameStyle::lower}, {"as_they_are", NameStyle::as_they_are}};
};
template <>
struct EnumNames<TextCase> {
  static constexpr EnumName<TextCase> list[] = {{"lower", TextCase::lower}, {"upper", TextCase::upper}};
};
template <>
struct EnumNames<NullRows> {
  static constexpr EnumName<NullRows> list[] = {{"any", NullRows::any}, {"all", NullRows::all}};
};
template <>
struct EnumNames<DedupeScope> {
  static constexpr EnumName<DedupeScope> list[] = {{"within_file", DedupeScope::within_file}};
};

namespace {

using Texts = std::vector<std::string>;

struct CleanConfig {
  NameStyle names = NameStyle::as_they_are;
  Pairs<std::string> rename;
  Texts select, drop;
  bool trim = false;
  std::variant<Texts, Pairs<Texts>> nulls;
  std::optional<TextCase> text;
  Pairs<std::string> cast, fill;
  std::optional<std::variant<NullRows, Texts>> drop_null_rows;
  std::optional<DedupeScope> dedupe;
};

constexpr const char* description =
    "The steps run in this order, whatever their order in the file: `names`, `rename`, `select`, `drop`, `trim`, "
    "`nulls`, `text`, `cast`, `fill`, "
    "`drop_null_rows`, `dedupe`. A column may be called by its name before or after `names` and `rename`.\n\n"
    "A row with a value that `cast` cannot read is a reject (`cast`); a row left out by `drop_null_rows` counts as "
    "filtered, one left out by `dedupe` as deduplicated. "
    "Text inside lists, structs and maps is left alone.";

constexpr const char* example =
    "name: students\n"
    "sources:\n"
    "  drops: { files: input/*.csv }\n"
    "transforms:\n"
    "  tidy:\n"
    "    clean: { names: snake_case, trim: true, nulls: [NA, ''], cast: { age: int16 }, drop_null_rows: [name] }\n"
    "sinks:\n"
    "  out: { files: output/students.parquet }\n";

const Spec<CleanConfig>& clean_spec() {
  static const auto spec =
      Spec<CleanConfig>("clean", "Tidies names and values, row by row")
          .description(description)
          .example(example)
          .field("names", &CleanConfig::names,
                 "how column names are written; snake_case keeps letters and digits alone, and each name stays unique",
                 {.example = "snake_case"})
          .field("rename", &CleanConfig::rename, "new names for columns", {.example = "{ dep: departure }"})
          .field("select", &CleanConfig::select, "the columns to keep, in this order", {.example = "[name, age]"})
          .field("drop", &CleanConfig::drop, "columns to leave out", {.example = "[comment]"})
          .field("trim", &CleanConfig::trim, "take blanks off both ends of text", {.example = "true"})
          .field(
              "nulls", &CleanConfig::nulls,
              "values that mean NULL: texts for all text columns, or a map of column to values (numbers and dates too)",
              {.example = "[NA, 'n/a']"})
          .field("text", &CleanConfig::text, "letters of all text columns in one case", {.example = "lower"})
          .field("cast", &CleanConfig::cast, "columns to turn into another type; a value that does not fit is a reject",
                 {.example = "{ age: int16 }"})
          .field("fill", &CleanConfig::fill, "values for NULL", {.example = "{ country: unknown }"})
          .field("drop_null_rows", &CleanConfig::drop_null_rows,
                 "leave out rows where any column is NULL, where all are, or where one of these is", {.example = "any"})
          .field("dedupe", &CleanConfig::dedupe,
                 "of rows that are equal once they are tidied keep the first, within each file; NULL equals NULL",
                 {.example = "within_file"});
  return spec;
}

// ---- binding ------------------------------------------------------------------------------------

struct Cleaned {
  int from = 0;                      // index in the input
  std::string original, tidy, name;  // as it came, after `names`, after `rename`
  const char* gone = nullptr;        // the setting that left it out
  Type type;                         // on its way through the steps
  bool nullable = true;
  bool trim = false;
  std::optional<TextCase> text;
  Texts null_texts;
  ArrayPtr null_values, fill;
  Type cast;
};

/// Reads the settings against the columns that come in.
class Binder {
 public:
  Binder(const CleanConfig& config, const Node& settings, const arrow::Schema& input, Problems& problems)
      : config_(config), settings_(settings), problems_(problems) {
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
    refuse_doubles();
    nulls();
    for (Cleaned& column : columns_) {
      column.trim = config_.trim && is_text(*column.type);
      if (is_text(*column.type)) column.text = config_.text;
    }
    cast();
    fill();
    null_rows();
  }

  std::vector<Cleaned> kept() const {
    std::vector<Cleaned> out;
    for (const size_t i : order_) out.push_back(columns_[i]);
    return out;
  }
  /// Places among `kept()`; empty: no row is left out.
  std::vector<size_t> must_not_be_null() const { return must_not_be_null_; }

 private:
  Place place_of(const char* setting) const {
    const Node* node = settings_.find(setting);
    return node == nullptr ? settings_.place : node->place;
  }

  // The place of the n-th name of a setting that is a list of names or a single one.
  Place place_in(const char* setting, size_t n) const {
    const Node* node = settings_.find(setting);
    return node != nullptr && node->is_list() && n < node->items.size() ? node->items[n].place : place_of(setting);
  }

  static bool same(const Cleaned& column, std::string Cleaned::* which, const std::string& name) {
    return column.*which == name;
  }

  // A name after renaming goes before one from earlier: `rename: {a: b, b: c}` makes `b` the first column from there
  // on.
  Cleaned* find(const std::string& name, const Place& place, bool gone_too = false) {
    for (const auto which : {&Cleaned::name, &Cleaned::tidy, &Cleaned::original}) {
      for (Cleaned& column : columns_) {
        if (!same(column, which, name)) continue;
        if (column.gone == nullptr || gone_too) return &column;
        problems_.add(place, fmt::format("column `{}` was left out by `{}`", name, column.gone),
                      "columns are left out before this step");
        return nullptr;
      }
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
      problems_.add(place_of(config_.drop.empty() ? "select" : "drop"), "no column is left");
  }

  void refuse_doubles() {
    std::map<std::string, const Cleaned*> taken;
    for (const size_t i : order_) {
      const Cleaned& column = columns_[i];
      const auto [there, fresh] = taken.emplace(column.name, &column);
      if (fresh) continue;
      Place place = place_of("rename");
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
  Problems& problems_;
  std::vector<Cleaned> columns_;
  std::vector<size_t> order_;
  std::vector<size_t> must_not_be_null_;
};

// ---- running ------------------------------------------------------------------------------------

struct Steps {
  std::vector<Cleaned> columns;
  Schema schema;
  std::vector<size_t> must_not_be_null;
  bool only_if_all = false;                  // a row goes when all of them are NULL, not when any is
  std::optional<FirstRows::Options> dedupe;  // where equal rows go
};

class Clean : public Transform {
 public:
  Clean(std::shared_ptr<const Steps> steps, int64_t memory) : steps_(std::move(steps)) {
    if (!steps_->dedupe) return;
    FirstRows::Options options = *steps_->dedupe;
    options.memory = memory;
    first_rows_.emplace(std::move(options));
  }

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    std::vector<ArrayPtr> columns;
    columns.reserve(steps_->columns.size());
    std::map<int64_t, Refusal> refused;
    for (const Cleaned& column : steps_->columns) {
      ASSIGN(auto tidied, tidy(column, batch.rows->column(column.from), refused));
      columns.push_back(std::move(tidied));
    }
    Batch out{arrow::RecordBatch::Make(steps_->schema, batch.size(), std::move(columns)), batch.positions, batch.block};
    std::vector<uint8_t> keep;
    const int64_t filtered = leave_out(*out.rows, refused, keep);
    if (!refused.empty()) {
      std::vector<Refusal> refusals;
      for (auto& [row, refusal] : refused) refusals.push_back(std::move(refusal));
      outlet.reject(batch, refusals);
    }
    if (filtered > 0) outlet.filtered(filtered);
    if (!keep.empty()) {
      ASSIGN(out, filter(out, keep));
    }
    if (first_rows_) {
      ASSIGN(out, first_rows_->keep(out, outlet));
    }
    if (out.size() > 0) outlet.emit(std::move(out));
    return {};
  }
  Result<> save(State& state) override { return first_rows_ ? first_rows_->save(state) : Result<>{}; }
  Result<> load(std::string_view key, std::string_view value) override {
    return first_rows_ ? first_rows_->load(key, value) : Result<>{};
  }

 private:
  static Result<ArrayPtr> tidy(const Cleaned& plan, ArrayPtr column, std::map<int64_t, Refusal>& refused) {
    if (plan.trim) {
      ASSIGN(column, trim_text(column));
    }
    if (!plan.null_texts.empty()) {
      ASSIGN(column, null_texts(column, plan.null_texts));
    }
    if (plan.null_values) {
      ASSIGN(column, null_values(column, plan.null_values));
    }
    if (plan.text) {
      ASSIGN(column, change_case(column, *plan.text));
    }
    if (plan.cast) {
      ASSIGN(auto outcome, cast_column(column, plan.cast));
      for (const int64_t row : outcome.refused) {
        std::string value = value_text(*column, row);
        std::string reason = fmt::format("`{}` cannot be read as {}", value, type_name(*plan.cast));
        refused.try_emplace(row, Refusal{row, "cast", plan.name, std::move(value), std::move(reason)});
      }
      column = std::move(outcome.column);
    }
    if (plan.fill) {
      ASSIGN(column, fill_nulls(column, plan.fill));
    }
    return column;
  }

  // Fills `keep` when some row goes; returns how many go for their NULLs.
  int64_t leave_out(const arrow::RecordBatch& rows, const std::map<int64_t, Refusal>& refused,
                    std::vector<uint8_t>& keep) const {
    const auto count = static_cast<size_t>(rows.num_rows());
    std::vector<size_t> with_nulls;
    for (const size_t i : steps_->must_not_be_null) {
      if (rows.column(static_cast<int>(i))->null_count() > 0) with_nulls.push_back(i);
    }
    const bool some_go = steps_->only_if_all
                             ? with_nulls.size() == steps_->must_not_be_null.size() && !with_nulls.empty()
                             : !with_nulls.empty();
    if (!some_go && refused.empty()) return 0;
    keep.assign(count, 1);
    int64_t gone = 0;
    if (some_go) {
      std::vector<uint32_t> nulls(count, 0);
      for (const size_t i : with_nulls) {
        const arrow::Array& column = *rows.column(static_cast<int>(i));
        for (size_t row = 0; row < count; ++row) nulls[row] += column.IsNull(static_cast<int64_t>(row)) ? 1 : 0;
      }
      const uint32_t enough = steps_->only_if_all ? static_cast<uint32_t>(steps_->must_not_be_null.size()) : 1;
      for (size_t row = 0; row < count; ++row) keep[row] = nulls[row] < enough ? 1 : 0;
      gone = static_cast<int64_t>(std::count(keep.begin(), keep.end(), 0));
    }
    for (const auto& [row, refusal] : refused) {
      uint8_t& kept = keep[static_cast<size_t>(row)];
      if (kept == 0) --gone;  // a row is counted once: as the reject that it is
      kept = 0;
    }
    if (std::find(keep.begin(), keep.end(), 0) == keep.end()) keep.clear();
    return gone;
  }

  const std::shared_ptr<const Steps> steps_;
  std::optional<FirstRows> first_rows_;
};

Result<BoundTransform> bind_clean(const Node& settings, const std::vector<InputInfo>& inputs,
                                  const BindContext& context, Problems& problems) {
  const size_t before = problems.size();
  const CleanConfig config = clean_spec().parse(settings, problems);
  const arrow::Schema& input = *inputs.at(0).schema;
  BoundTransform bound;
  bound.schema = inputs.at(0).schema;
  if (problems.size() > before) return bound;
  Binder binder(config, settings, input, problems);
  binder.bind();
  if (problems.size() > before) return bound;

  auto steps = std::make_shared<Steps>();
  steps->columns = binder.kept();
  steps->must_not_be_null = binder.must_not_be_null();
  const auto* rows = config.drop_null_rows ? std::get_if<NullRows>(&*config.drop_null_rows) : nullptr;
  steps->only_if_all = rows != nullptr && *rows == NullRows::all;
  arrow::FieldVector fields;
  Texts renamed;
  for (const Cleaned& column : steps->columns) {
    fields.push_back(
        input.field(column.from)->WithName(column.name)->WithType(column.type)->WithNullable(column.nullable));
    if (column.name != column.original) renamed.push_back(fmt::format("{} -> {}", column.original, column.name));
  }
  steps->schema = arrow::schema(std::move(fields));
  if (config.dedupe) {
    const Place place = settings.find("dedupe")->place;
    if (!inputs.at(0).keeps_positions)
      problems.add(place, "`dedupe: within_file`: rows no longer know their file here", "dedupe before that step");
    auto digester = RowDigester::of(*steps->schema);
    if (!digester) {
      problems.add(place, "`dedupe`: " + digester.error().what, "`drop` or `cast` the column");
      return bound;
    }
    steps->dedupe.emplace();
    steps->dedupe->digester = std::move(*digester);
    steps->dedupe->within_file = true;
    steps->dedupe->saves = inputs.at(0).endless;
    steps->dedupe->env = context.env;
    steps->dedupe->folder = context.state_folder + "/spill";
    remembers(context);
    bound.shape = Shape::in_order;
  }
  if (!renamed.empty()) bound.notes.push_back(fmt::format("names: {}", fmt::join(renamed, ", ")));
  bound.schema = steps->schema;
  bound.make = [steps, context]() -> Result<std::unique_ptr<Transform>> {
    return std::make_unique<Clean>(steps, memory_to_remember(context, 0));
  };
  return bound;
}

}  // namespace

TransformKind clean_transform() {
  TransformKind kind;
  kind.spec = &clean_spec().info();
  kind.bind = bind_clean;
  return kind;
}

}  // namespace trommel
