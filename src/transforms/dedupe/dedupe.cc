#include "transforms/dedupe/dedupe.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <optional>
#include <variant>

#include "transforms/dedupe/first_rows.h"
#include "transforms/dedupe/last_rows.h"

namespace trommel {

enum class By { row };
enum class Keep { first, last };
enum class DuplicateScope { whole, within_file };

template <>
struct EnumNames<By> {
  static constexpr EnumName<By> list[] = {{"row", By::row}};
};
template <>
struct EnumNames<Keep> {
  static constexpr EnumName<Keep> list[] = {{"first", Keep::first}, {"last", Keep::last}};
};
template <>
struct EnumNames<DuplicateScope> {
  static constexpr EnumName<DuplicateScope> list[] = {{"whole", DuplicateScope::whole},
                                                      {"within_file", DuplicateScope::within_file}};
};

namespace {

using Texts = std::vector<std::string>;

struct DedupeConfig {
  std::variant<By, Texts> by = By::row;
  Keep keep = Keep::first;
  DuplicateScope scope = DuplicateScope::whole;
  std::optional<Duration> within;
  std::string time;
  std::optional<ByteSize> memory;
};

constexpr const char* description =
    "Rows are equal when all their values are, or those of the columns in `by`; NULL equals NULL, NaN equals NaN. "
    "Equality is that of values, not of texts: `clean` first what differs in case or blanks alone. The rows left out "
    "count as deduplicated.\n\n"
    "`keep: first` hands rows on as they come. `keep: last` waits for the end of its input, so it needs one.\n\n"
    "`within` compares a row only with kept rows that are less than so long away, by the time at which they come by, "
    "or "
    "by a `time` column. It is remembered from run to run, and an endless input needs it; without it, rows are "
    "compared "
    "within one run. With a `time` column, a row that lies `within` behind the newest one is handed on without being "
    "compared: what it might equal is forgotten; one without a time is a reject (`no_time`).\n\n"
    "The comparison is exact (128 bits a row). What does not fit into memory goes to files in the state folder.";

constexpr const char* example =
    "name: orders\n"
    "sources:\n"
    "  orders: { files: orders/*.csv }\n"
    "transforms:\n"
    "  latest: { dedupe: { by: [order_id], keep: last } }\n"
    "sinks:\n"
    "  out: { files: output/orders.parquet }\n";

const Spec<DedupeConfig>& dedupe_spec() {
  static const auto spec =
      Spec<DedupeConfig>("dedupe", "Of equal rows keeps one")
          .description(description)
          .example(example)
          .field("by", &DedupeConfig::by, "what is compared: the whole row, or these columns",
                 {.example = "[order_id]"})
          .field("keep", &DedupeConfig::keep, "which of equal rows stays")
          .field("scope", &DedupeConfig::scope,
                 "rows are compared within the whole input, or only within their file (or partition)")
          .field("within", &DedupeConfig::within, "rows so far apart in time, or farther, are not compared",
                 {.example = "1h"})
          .field("time", &DedupeConfig::time,
                 "the column (timestamp or date) that `within` goes by; without it the clock counts",
                 {.example = "sent_at"})
          .field("memory", &DedupeConfig::memory,
                 "what it may remember in memory; beyond it goes to disk. Default: a share of the process's",
                 {.example = "256MB"})
          .scalar_is("by");
  return spec;
}

// ---- running ------------------------------------------------------------------------------------

class First : public Transform {
 public:
  explicit First(FirstRows::Options options) : time_(options.time_column), rows_(std::move(options)) {}

  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    ASSIGN(const Batch timed, with_time(batch, outlet));
    ASSIGN(Batch out, rows_.keep(timed, outlet));
    if (out.size() > 0) outlet.emit(std::move(out));
    return {};
  }
  Result<> save(State& state) override { return rows_.save(state); }
  Result<> load(std::string_view key, std::string_view value) override { return rows_.load(key, value); }

 private:
  Result<Batch> with_time(const Batch& batch, Outlet& outlet) const {
    if (time_ < 0 || batch.rows->column(time_)->null_count() == 0) return batch;
    const arrow::Array& column = *batch.rows->column(time_);
    std::vector<Refusal> refusals;
    std::vector<uint8_t> keep(static_cast<size_t>(batch.size()), 1);
    for (int64_t row = 0; row < batch.size(); ++row) {
      if (column.IsValid(row)) continue;
      keep[static_cast<size_t>(row)] = 0;
      refusals.push_back({row, "no_time", batch.rows->schema()->field(time_)->name(), "NULL",
                          "no_time: a row without a time cannot be compared `within` one"});
    }
    outlet.reject(batch, refusals);
    return filter(batch, keep);
  }

  const int time_;
  FirstRows rows_;
};

class Last : public Transform {
 public:
  explicit Last(std::unique_ptr<LastRows> rows) : rows_(std::move(rows)) {}
  Result<> push(size_t, const Batch& batch, Outlet& outlet) override { return rows_->add(batch, outlet); }
  Result<> end(Outlet& outlet) override { return rows_->end(outlet); }

 private:
  std::unique_ptr<LastRows> rows_;
};

// ---- binding ------------------------------------------------------------------------------------

class Binder {
 public:
  Binder(const Node& settings, const InputInfo& input, Problems& problems)
      : settings_(settings), input_(input), problems_(problems) {}

  void bind(const DedupeConfig& config) {
    columns(config);
    if (config.scope == DuplicateScope::within_file && !input_.keeps_positions)
      problem("scope", "`scope: within_file`: rows no longer know their file here", "dedupe before that step");
    if (config.keep == Keep::last && input_.endless)
      problem("keep", "`keep: last` waits for the end of its input, and this one is endless", "`keep: first`");
    if (config.within && config.keep == Keep::last) problem("within", "`within` goes with `keep: first` only");
    if (config.within && config.scope == DuplicateScope::within_file)
      problem("within", "`within` goes with `scope: whole` only");
    if (config.within && config.within->us <= 0) problem("within", "`within` must be more than nothing");
    if (!config.within && config.scope == DuplicateScope::whole && config.keep == Keep::first && input_.endless)
      problem("scope", "on an endless input the rows of `scope: whole` would be remembered for ever",
              "`within: 1d` says how long, or `scope: within_file`");
    if (!config.time.empty()) time_column(config);
  }

  std::optional<RowDigester> digester;
  int time = -1;

 private:
  void problem(const char* setting, std::string what, std::string hint = {}) {
    problems_.add(settings_.at_or_self(setting).place, std::move(what), std::move(hint));
  }

  int find(const std::string& name, const Place& place) {
    const int at = input_.schema->GetFieldIndex(name);
    if (at >= 0) return at;
    const auto names = input_.schema->field_names();
    const std::string near = did_you_mean(name, names);
    problems_.add(
        place, fmt::format("no column `{}` comes in here", name),
        near.empty() ? fmt::format("there are: {}", fmt::join(names, ", ")) : fmt::format("did you mean `{}`?", near));
    return -1;
  }

  void columns(const DedupeConfig& config) {
    std::vector<int> compared;
    if (const auto* names = std::get_if<Texts>(&config.by)) {
      const Node& list = settings_.at_or_self("by");
      if (names->empty()) problem("by", "`by` names no column", "`row` compares all of them");
      for (size_t i = 0; i < names->size(); ++i) {
        const bool listed = list.is_list() && i < list.items.size();
        compared.push_back(find((*names)[i], listed ? list.items[i].place : list.place));
        if (compared.back() < 0) return;
      }
    } else {
      for (int i = 0; i < input_.schema->num_fields(); ++i) compared.push_back(i);
    }
    auto made = RowDigester::of(*input_.schema, std::move(compared));
    if (made) {
      digester = std::move(*made);
    } else {
      problem("by", "`by`: " + made.error().what, "name other columns in `by`");
    }
  }

  void time_column(const DedupeConfig& config) {
    if (!config.within) problem("time", "`time` is the column that `within` goes by", "give `within`, or leave it out");
    time = find(config.time, settings_.at_or_self("time").place);
    if (time < 0) return;
    const auto& type = *input_.schema->field(time)->type();
    const bool is_time =
        type.id() == arrow::Type::TIMESTAMP || type.id() == arrow::Type::DATE32 || type.id() == arrow::Type::DATE64;
    if (!is_time)
      problem("time",
              fmt::format("column `{}` is {}, and `time` must be a timestamp or a date", config.time, type_name(type)));
  }

  const Node& settings_;
  const InputInfo& input_;
  Problems& problems_;
};

Result<BoundTransform> bind_dedupe(const Node& settings, const std::vector<InputInfo>& inputs,
                                   const BindContext& context, Problems& problems) {
  const size_t before = problems.size();
  const DedupeConfig config = dedupe_spec().parse(settings, problems);
  BoundTransform bound;
  bound.schema = inputs.at(0).schema;
  if (problems.size() > before) return bound;
  Binder binder(settings, inputs.at(0), problems);
  binder.bind(config);
  if (problems.size() > before) return bound;

  remembers(context);
  const int64_t memory = config.memory ? config.memory->bytes : 0;
  const bool within_file = config.scope == DuplicateScope::within_file;
  if (config.keep == Keep::last) {
    bound.shape = Shape::whole_input;
    bound.notes.push_back("waits for its whole input: `keep: last`");
    bound.make = [context, memory, within_file, digester = *binder.digester]() -> Result<std::unique_ptr<Transform>> {
      return std::make_unique<Last>(std::make_unique<LastRows>(
          digester, within_file, *context.env, context.state_folder + "/spill", memory_to_remember(context, memory)));
    };
    return bound;
  }
  bound.shape = Shape::in_order;
  FirstRows::Options options;
  options.digester = std::move(binder.digester);
  options.within_file = within_file;
  options.within_us = config.within ? config.within->us : 0;
  options.time_column = binder.time;
  options.saves = config.within || inputs.at(0).endless;
  options.env = context.env;
  options.folder = context.state_folder + "/spill";
  if (options.saves) bound.remembers_by = options.digester->compares();
  bound.make = [context, memory, options]() -> Result<std::unique_ptr<Transform>> {
    FirstRows::Options own = options;
    own.memory = memory_to_remember(context, memory);
    return std::make_unique<First>(std::move(own));
  };
  return bound;
}

}  // namespace

TransformKind dedupe_transform() {
  TransformKind kind;
  kind.spec = &dedupe_spec().info();
  kind.bind = bind_dedupe;
  return kind;
}

}  // namespace trommel
