#include "engine/plan.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "engine/graph.h"
#include "engine/reference_table.h"
#include "query/database.h"

namespace trommel {
namespace {

constexpr int64_t kMB = 1 << 20;

/// An Error of the outside as a problem at the part that met it, so that all parts are looked at before the run is
/// given up.
void add_problem(Problems& problems, const Part& part, const Error& error) {
  const std::string what =
      fmt::format("`{}`: {}{}", part.name, error.where.empty() ? "" : error.where + ": ", error.what);
  if (error.domain == Error::Domain::external) return problems.add_outside(part.place, what, error.hint);
  problems.add(part.place, what, error.hint);
}

/// The stores that views or endpoints are of, with the tables that the plan's sinks write to.
std::vector<PlanStore> planned_stores(const Pipeline& pipeline, const Plan& plan) {
  std::vector<PlanStore> stores;
  const auto store_at = [&](const std::string& address, const std::string& name) -> PlanStore* {
    if (address.empty()) return nullptr;  // its mistake was told
    const auto known =
        std::ranges::find_if(stores, [&](const PlanStore& store) { return store.settings.store == address; });
    if (known != stores.end()) return &*known;
    stores.push_back({name, address.substr(0, address.find(':')), {address, {}, {}}});
    return &stores.back();
  };
  for (const View& view : pipeline.views) {
    if (PlanStore* store = store_at(view.store, view.store_name)) store->settings.views.push_back(view);
  }
  for (const Endpoint& endpoint : pipeline.endpoints) store_at(endpoint.store, endpoint.store_name);
  for (PlanStore& store : stores) {
    for (const PlanNode& node : plan.nodes) {
      const auto part = std::ranges::find(pipeline.sinks, node.name, &Part::name);
      if (part == pipeline.sinks.end() || part->store != store.settings.store || !node.sink.table) continue;
      store.settings.tables.push_back(*node.sink.table);
    }
  }
  return stores;
}

class Planner {
 public:
  Planner(const Pipeline& pipeline, const Components& components, Env& env, Problems& problems, Epoch epoch,
          const BoundSources& bound, Feeds* feeds, std::function<void()> wake)
      : pipeline_(pipeline), components_(components), problems_(problems), bound_(bound), feeds_(feeds) {
    plan_.replays = feeds != nullptr;
    plan_.pipeline = pipeline.name;
    plan_.file = pipeline.file;
    plan_.folder = pipeline.folder;
    plan_.state_folder = pipeline.settings.state;
    plan_.max_rejects = pipeline.settings.max_rejects;
    plan_.ordered = pipeline.settings.ordered;
    plan_.lanes = pipeline.settings.lanes > 0 ? static_cast<int>(pipeline.settings.lanes) : env.cores();
    if (plan_.ordered) plan_.lanes = 1;
    plan_.memory_bytes = pipeline.settings.memory_bytes > 0 ? pipeline.settings.memory_bytes : env.memory_bytes() / 4;
    plan_.memory = share_memory(plan_.memory_bytes, plan_.lanes);
    if (pipeline.settings.block_bytes > 0) plan_.memory.block = pipeline.settings.block_bytes;
    plan_.batch_rows = pipeline.settings.batch_rows;
    plan_.provenance = context_.provenance = pipeline.settings.provenance;
    plan_.epoch = epoch;
    context_.env = &env;
    context_.pipeline = pipeline.name;
    context_.folder = pipeline.folder;
    context_.state_folder = plan_.state_folder;
    context_.memory = plan_.memory;
    context_.lanes = plan_.lanes;
    context_.epoch_hint = epoch;
    context_.days = pipeline.settings.days;
    context_.wake = std::move(wake);
    context_.as_you_go = pipeline.settings.publish == Publish::as_you_go;
    context_.database = shared_database();
  }

  Plan make() {
    const size_t before = problems_.size();
    bind_tables();
    const Graph graph = resolve_graph(pipeline_, components_, context_, problems_);
    bind_sources();
    if (problems_.size() == before) {
      for (const size_t i : graph.transform_order) bind_transform(pipeline_.transforms[i], graph.transform_inputs[i]);
    }
    if (problems_.size() == before) {
      for (size_t i = 0; i < pipeline_.sinks.size(); ++i) bind_sink(pipeline_.sinks[i], graph.sink_inputs[i]);
      check_owners();
      bind_views();
      if (context_.days) check_backfill();
      if (plan_.as_you_go) check_as_you_go();
      if (pipeline_.settings.reset && !pipeline_.settings.reset->beside) check_reset();
    }
    if (feeds_ != nullptr && problems_.size() == before) check_feeds();
    return std::move(plan_);
  }

 private:
  /// One in-memory DuckDB for all SQL of the run, opened by whoever needs it first.
  std::function<Result<std::shared_ptr<query::Database>>()> shared_database() {
    query::Options options;
    options.memory_bytes = plan_.memory.sql;
    options.spill_folder = plan_.state_folder + "/spill";
    options.spill_bytes = plan_.memory.sql_spill;
    options.threads = plan_.lanes;
    auto database = std::make_shared<std::shared_ptr<query::Database>>();
    return [options, database]() -> Result<std::shared_ptr<query::Database>> {
      if (!*database) {
        ASSIGN(*database, query::Database::open(options));
      }
      return *database;
    };
  }

  std::shared_ptr<Source> bind_part(const Part& part) {
    if (const auto kept = bound_.find(part.name); kept != bound_.end()) return kept->second;
    const SourceKind* kind = find_source_kind(components_, part.component);
    if (kind == nullptr) return nullptr;  // the pipeline file's reader has said so
    context_.name = part.name;
    auto source = kind->bind(part.settings, part.contract, context_, problems_);
    if (source) return *source;
    add_problem(problems_, part, source.error());
    return nullptr;
  }

  void bind_tables() {
    const auto days = std::exchange(context_.days, std::nullopt);  // what is looked up is of no day
    for (const Part& part : pipeline_.tables) {
      const size_t before = problems_.size();
      auto source = bind_part(part);
      if (!source || problems_.size() != before) continue;
      if (source->endless()) {
        problems_.add(part.place, "table `" + part.name + "` is read once, before the rows come in",
                      "leave out `watch`, or make it a source");
        continue;
      }
      auto table = make_reference_table(part.name, std::move(source));
      if (table) {
        context_.tables.emplace(part.name, std::move(*table));
      } else {
        add_problem(problems_, part, table.error());
      }
    }
    context_.days = days;
  }

  void bind_sources() {
    for (const Part& part : pipeline_.sources) {
      PlanNode node = named(part, PlanNode::Kind::source);
      const size_t before = problems_.size();
      node.source = feeds_ == nullptr ? bind_part(part) : bind_stand_in(part);
      if (!node.source || problems_.size() != before) continue;
      plan_.endless = plan_.endless || node.source->endless();
      node.endless = node.source->endless() || context_.as_you_go;
      node.schema = node.source->schema();
      node.notes = node.source->notes();
      node.max_rejects = part.max_rejects;
      if (const auto letters = node.source->dead_letters()) {
        node.sink.store = letters->store;
        node.sink.target = letters->target;
        node.store = letters->target;
        node.notes.push_back("what it cannot read goes to " + letters->target);
      }
      add(std::move(node), {});
    }
    plan_.as_you_go = context_.as_you_go && !plan_.endless;
    if (feeds_ == nullptr) return;
    for (const Feeds::Feed& feed : feeds_->feeds()) {
      PlanNode node;
      node.kind = PlanNode::Kind::source;
      node.name = feed.name;
      node.component = "rejects";
      node.source = feed.source;
      add(std::move(node), {});
    }
  }

  std::shared_ptr<Source> bind_stand_in(const Part& part) {
    context_.recalls = true;
    context_.recalled_schema = feeds_->rows_of(part.name);
    auto real = bind_part(part);
    context_.recalls = false;
    if (!real) return nullptr;
    auto stand_in = feeds_->stand_in(part.name, std::move(real));
    if (stand_in) return *stand_in;
    add_problem(problems_, part, stand_in.error());
    return nullptr;
  }

  /// Lets the rejects of a stage come in beside its own inputs.
  void feed(size_t self, const Part& part) {
    if (feeds_ == nullptr) return;
    PlanNode& node = plan_.nodes[self];
    const size_t ports = node.inputs.size();
    for (const Feeds::Feed& feed : feeds_->feeds()) {
      if (feed.stage != node.name) continue;
      size_t port = 0;
      while (!feed.input.empty() && port < ports && plan_.nodes[node.inputs[port]].name != feed.input) ++port;
      if (port == ports) {
        problems_.add(part.place,
                      fmt::format("`{}` no longer reads `{}`, whose rows it rejected", node.name, feed.input),
                      "replay by ids or --stage, without these");
        return;
      }
      const size_t from = place_[feed.name];
      plan_.nodes[from].schema = plan_.nodes[node.inputs[port]].schema;
      plan_.nodes[from].outputs.push_back(self);
      node.inputs.push_back(from);
      node.fed.push_back(port);
      if (auto bound = feeds_->bind(feed, plan_.nodes[from].schema); !bound)
        add_problem(problems_, part, bound.error());
    }
  }

  /// Rows that come back alone cannot go where all of them are needed.
  void check_feeds() {
    std::vector<uint8_t> fed(plan_.nodes.size(), 0);
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      fed[i] = node.kind == PlanNode::Kind::source && (node.component == "rejects" || feeds_->brings(node.name));
      for (const size_t input : node.inputs) fed[i] = fed[i] || fed[input];
      if (!fed[i] || node.kind == PlanNode::Kind::source) continue;
      if (node.transform.make && (node.transform.shape == Shape::whole_input || node.transform.judges_whole)) {
        problems_.add(
            place_of_part(pipeline_, node.kind, node.name),
            fmt::format("`{}` needs its whole input: of rows that come back alone it would make other results",
                        node.name),
            "mend the rows where they came from, and run with a state folder of its own");
      }
      if (node.sink.replaces) {
        problems_.add(
            place_of_part(pipeline_, node.kind, node.name),
            fmt::format("`{}` replaces rows that are there: with rows that come back alone the others would go",
                        node.name),
            "mend the rows where they came from, or take `write: append` or `upsert`");
      }
    }
  }

  void bind_transform(const Part& part, const std::vector<std::string>& inputs) {
    const TransformKind* kind = find_transform_kind(components_, part.component);
    std::vector<InputInfo> infos;
    for (const std::string& input : inputs) {
      const auto at = place_.find(input);
      if (at == place_.end()) return;  // its own mistake has been said
      const PlanNode& node = plan_.nodes[at->second];
      infos.push_back({.name = input,
                       .schema = node.schema,
                       .endless = node.endless,
                       .keeps_positions = keeps_positions(at->second),
                       .growth = growth(at->second)});
    }
    if (kind == nullptr) return;
    if (!kind->inputs && infos.size() != 1) {
      problems_.add(part.from_place,
                    fmt::format("`{}` reads {} streams, `{}` takes one", part.name, infos.size(), part.component));
      return;
    }
    const size_t before = problems_.size();
    auto transform = kind->bind(part.settings, infos, context_, problems_);
    if (!transform) return add_problem(problems_, part, transform.error());
    if (problems_.size() != before) return;
    const bool endless = std::any_of(infos.begin(), infos.end(), [](const InputInfo& info) { return info.endless; });
    if (endless && (transform->shape == Shape::whole_input || transform->judges_whole)) {
      problems_.add(part.place,
                    fmt::format("`{}` needs its whole input, and that {}", part.name,
                                plan_.as_you_go ? "is published as it comes" : "has no end"),
                    plan_.as_you_go ? "leave out `publish: as_you_go`, or take rows one by one"
                                    : "leave out `watch: true` at the source, or take rows one by one");
      return;
    }
    PlanNode node = named(part, PlanNode::Kind::transform);
    node.transform = std::move(*transform);
    node.endless = endless;
    node.schema = node.transform.schema;
    node.notes = node.transform.notes;
    feed(add(std::move(node), inputs), part);
  }

  void bind_sink(const Part& part, const std::vector<std::string>& inputs) {
    const SinkKind* kind = find_sink_kind(components_, part.component, !part.store.empty());
    if (kind == nullptr || inputs.empty()) return;
    for (const std::string& input : inputs) {
      if (!place_.contains(input)) return;
    }
    const InputInfo info{.name = inputs[0],
                         .schema = plan_.nodes[place_[inputs[0]]].schema,
                         .keeps_positions = keeps_positions(place_[inputs[0]]),
                         .growth = common_growth(inputs)};
    for (const std::string& other : inputs) {
      if (plan_.nodes[place_[other]].schema->Equals(*info.schema, false)) continue;
      problems_.add(part.from_place,
                    fmt::format("`{}` reads `{}` and `{}`, whose columns differ", part.name, inputs[0], other),
                    "bring them to one shape by an sql step each");
      return;
    }
    SinkSettings settings{part.name, pipeline_.name, &part.settings, part.store, part.contract, {}};
    for (const View& view : pipeline_.views) {
      if (view.store == part.store) settings.views.push_back(view);
    }
    const size_t before = problems_.size();
    auto sink = kind->bind(settings, info, context_, problems_);
    if (!sink) return add_problem(problems_, part, sink.error());
    if (problems_.size() != before) return;
    PlanNode node = named(part, PlanNode::Kind::sink);
    node.sink = std::move(*sink);
    node.store = part.store;
    node.schema = info.schema;
    node.notes = part.store_notes;
    node.notes.insert(node.notes.end(), node.sink.notes.begin(), node.sink.notes.end());
    if (feeds_ != nullptr) node.sink.if_exists = IfExists::number;  // the rows of before stay
    feed(add(std::move(node), inputs), part);
  }

  /// Whether rows that leave the node know where they came from.
  bool keeps_positions(size_t node) const {
    const PlanNode& of = plan_.nodes[node];
    if (of.kind == PlanNode::Kind::source) return plan_.provenance;
    return of.transform.keeps_positions &&
           std::ranges::all_of(of.inputs, [this](size_t input) { return keeps_positions(input); });
  }

  /// What the sources of a node's rows allow.
  Growth growth(size_t node) const {
    const PlanNode& of = plan_.nodes[node];
    if (of.source) return of.source->growth();
    Growth all{true, true};
    for (const size_t input : of.inputs) all = both(all, growth(input));
    return all;
  }
  Growth common_growth(const std::vector<std::string>& inputs) {
    Growth all{true, true};
    for (const std::string& input : inputs) all = both(all, growth(place_[input]));
    return all;
  }
  static Growth both(const Growth& a, const Growth& b) { return {a.columns && b.columns, a.types && b.types}; }

  void check_owners() {
    std::map<std::string, std::string> owners;
    for (const PlanNode& node : plan_.nodes) {
      for (const std::string& owned : node.sink.owns) {
        const auto [owner, fresh] = owners.emplace(owned, node.name);
        if (fresh) continue;
        const auto part = std::find_if(pipeline_.sinks.begin(), pipeline_.sinks.end(),
                                       [&](const Part& sink) { return sink.name == node.name; });
        problems_.add(part->place,
                      fmt::format("`{}` writes to `{}`, and so does `{}`", node.name, owned, owner->second),
                      "give each sink a place of its own");
      }
    }
  }

  /// Views are made from what sinks write: they are looked at once all tables are known.
  void bind_views() {
    plan_.stores = planned_stores(pipeline_, plan_);
    for (const PlanStore& store : plan_.stores) {
      if (store.settings.views.empty()) continue;
      const auto first = std::ranges::find(pipeline_.views, store.settings.store, &View::store);
      const SinkKind* kind = find_sink_kind(components_, store.kind, true);
      if (kind == nullptr || !kind->views) {
        problems_.add(first->place, fmt::format("`{}` cannot keep views", store.kind));
        continue;
      }
      auto bound = kind->views(store.settings, context_, problems_);
      if (!bound) {
        const bool outside = bound.error().domain == Error::Domain::external;
        outside ? problems_.add_outside(first->place, bound.error().text())
                : problems_.add(first->place, bound.error().text());
        continue;
      }
      for (BoundView& view : *bound) plan_.views.push_back({store.name, std::move(view)});
    }
  }

  /// A day that runs again must not be there twice, nor take the place of another.
  void check_backfill() {
    for (const Part& part : pipeline_.sources) {
      if (plan_.nodes[place_[part.name]].source->endless())
        problems_.add(part.place, "`" + part.name + "` is watched for what is new: it has no days to go back to",
                      "leave out `watch: true`, or `--from` and `--to`");
    }
    const bool named_by_day = std::ranges::all_of(
        plan_.nodes, [](const PlanNode& node) { return !node.source || node.source->names_hold_days(); });
    for (const Part& part : pipeline_.sinks) {
      const BoundSink& sink = plan_.nodes[place_[part.name]].sink;
      if (!sink.repeatable) {
        problems_.add(part.place, "rows of a day that runs again would be twice in `" + part.name + "`",
                      sink.repeatable_hint);
      } else if (sink.by_input && !named_by_day) {
        problems_.add(part.place,
                      "files of `" + part.name +
                          "` are named after inputs whose names do not hold the day: one day "
                          "would replace another",
                      "write the day into the names of the inputs, not into those of their folders alone");
      }
    }
  }

  /// The rows of one epoch must not take the place of those of another.
  void check_as_you_go() {
    for (const Part& part : pipeline_.sinks) {
      const BoundSink& sink = plan_.nodes[place_[part.name]].sink;
      const bool files = sink.files && sink.if_exists == IfExists::replace && !sink.by_input;
      if (!sink.replaces && !files) continue;
      problems_.add(part.place, "`" + part.name + "` replaces what is there: each epoch would replace the one before",
                    "leave out `publish: as_you_go`, or append");
    }
  }

  /// What is read again must not be there twice.
  void check_reset() {
    for (const Part& part : pipeline_.sinks) {
      const BoundSink& sink = plan_.nodes[place_[part.name]].sink;
      if (sink.repeatable || sink.replaces) continue;
      problems_.add(part.place, "rows that are read again would be twice in `" + part.name + "`",
                    sink.repeatable_hint + "; or empty it, and say --beside");
    }
  }

  static PlanNode named(const Part& part, PlanNode::Kind kind) {
    PlanNode node;
    node.kind = kind;
    node.name = part.name;
    node.component = part.component;
    return node;
  }

  size_t add(PlanNode node, const std::vector<std::string>& inputs) {
    const size_t self = plan_.nodes.size();
    place_[node.name] = self;
    for (const std::string& input : inputs) {
      node.inputs.push_back(place_[input]);
      plan_.nodes[place_[input]].outputs.push_back(self);
    }
    plan_.nodes.push_back(std::move(node));
    return self;
  }

  const Pipeline& pipeline_;
  const Components& components_;
  Problems& problems_;
  const BoundSources& bound_;
  Feeds* feeds_;
  BindContext context_;
  Plan plan_;
  std::map<std::string, size_t> place_;
};

}  // namespace

Place place_of_part(const Pipeline& pipeline, PlanNode::Kind kind, const std::string& name) {
  const auto& parts = kind == PlanNode::Kind::source      ? pipeline.sources
                      : kind == PlanNode::Kind::transform ? pipeline.transforms
                                                          : pipeline.sinks;
  const auto part = std::ranges::find(parts, name, &Part::name);
  return part == parts.end() ? Place{pipeline.file, 0, 0} : part->place;
}

MemoryShares share_memory(int64_t budget_bytes, int lanes) {
  MemoryShares shares;
  shares.queues = std::clamp(budget_bytes / 6, 2 * kMB, 64 * kMB);
  shares.block = std::clamp(shares.queues / (int64_t{lanes} * 8), int64_t{64} << 10, kMB);
  shares.writers = std::clamp(budget_bytes / 5, 4 * kMB, 128 * kMB);
  shares.remembered = std::clamp(budget_bytes / 8, 2 * kMB, 256 * kMB);
  shares.sql = std::max(budget_bytes - shares.queues - shares.writers - shares.remembered, 4 * kMB);
  return shares;
}

void check_graph(const Pipeline& pipeline, const Components& components, Problems& problems) {
  BindContext context;
  context.folder = pipeline.folder;
  for (const Part& part : pipeline.tables) context.tables[part.name].name = part.name;
  context.database = []() -> Result<std::shared_ptr<query::Database>> { return query::Database::open({}); };
  resolve_graph(pipeline, components, context, problems);
}

Result<Plan> make_plan(const Pipeline& pipeline, const Components& components, Env& env, Problems& problems,
                       Epoch epoch, const BoundSources& bound, Feeds* feeds, std::function<void()> wake) {
  return Planner(pipeline, components, env, problems, epoch, bound, feeds, std::move(wake)).make();
}

std::map<std::string, std::vector<std::string>> component_names(const Components& components) {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& kind : components.sources) names["sources"].push_back(kind.spec->name);
  for (const auto& kind : components.transforms) names["transforms"].push_back(kind.spec->name);
  for (const auto& kind : components.sinks) names[kind.is_store ? "stores" : "sinks"].push_back(kind.spec->name);
  return names;
}

}  // namespace trommel
