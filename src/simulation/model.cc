#include "simulation/model.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "base/planted.h"
#include "batch/gather.h"

namespace trommel {
namespace {

SimulatedRow row_at(const Batch& batch, int64_t row) {
  const auto value = [&](const char* name) {
    const auto column = batch.rows->GetColumnByName(name);
    return static_cast<const arrow::Int64Array&>(*column).Value(row);
  };
  return {value("row"), value("key")};
}

class Sieve final : public Transform {
 public:
  Result<> push(size_t, const Batch& batch, Outlet& outlet) override {
    std::vector<uint8_t> keep(static_cast<size_t>(batch.size()));
    std::vector<Refusal> refusals;
    int64_t filtered = 0;
    for (int64_t i = 0; i < batch.size(); ++i) {
      const SimulatedRow row = row_at(batch, i);
      const Fate fate = World::fate(row.key);
      keep[static_cast<size_t>(i)] = fate == Fate::passes;
      filtered += fate == Fate::filtered;
      if (fate == Fate::against_the_rule)
        refusals.push_back({i, "rule", "key", std::to_string(row.key), "divides by five"});
    }
    outlet.filtered(filtered);
    outlet.reject(batch, refusals);
    ASSIGN(auto kept, filter(batch, keep));
    outlet.emit(std::move(kept));
    return {};
  }
};

/// Rows and epoch change together. Calls fail before and after the effect, as those to any other system do.
class Model final : public StoreSink {
 public:
  Model(World& world, std::string name) : world_(world), name_(std::move(name)) {}

  Guarantee guarantee() const override { return Guarantee::exactly_once; }
  Result<Epoch> last_committed() override {
    TRY(world_.env.touch("ask store", name_));
    return store().epoch;
  }
  Result<std::vector<Refusal>> refuses(const Batch& batch) override {
    std::vector<Refusal> refusals;
    if (name_ != "table") return refusals;
    for (int64_t i = 0; i < batch.size(); ++i) {
      const SimulatedRow row = row_at(batch, i);
      if (!world_.table_takes(row.key))
        refusals.push_back({i, "store", "key", std::to_string(row.key), "divides by eleven"});
    }
    return refusals;
  }
  Result<int64_t> commit(Epoch epoch, Segment& segment) override {
    TRY(world_.env.touch("commit to store", name_));
    std::vector<SimulatedRow> rows;
    Batch batch;
    for (;;) {
      ASSIGN(const bool more, segment.next(batch));
      if (!more) break;
      for (int64_t i = 0; i < batch.size(); ++i) rows.push_back(row_at(batch, i));
    }
    const bool blind = planted(name_ == "table" ? Mistake::table_ignores_epoch : Mistake::topic_resends_blindly);
    if (store().epoch < epoch || blind) {
      store().rows.insert(store().rows.end(), rows.begin(), rows.end());
      store().epoch = epoch;
    }
    TRY(world_.env.touched("commit to store", name_));
    return static_cast<int64_t>(rows.size());
  }

 private:
  ModelStore& store() { return world_.stores[name_]; }

  World& world_;
  const std::string name_;
};

const SpecInfo& named(const char* name) {
  static std::map<std::string, SpecInfo> specs;
  SpecInfo& spec = specs[name];
  spec.name = name;
  return spec;
}

}  // namespace

TransformKind sieve_transform() {
  TransformKind kind;
  kind.spec = &named("sieve");
  kind.bind = [](const Node&, const std::vector<InputInfo>& inputs, const BindContext&,
                 Problems&) -> Result<BoundTransform> {
    BoundTransform bound;
    bound.schema = inputs.front().schema;
    bound.make = []() -> Result<std::unique_ptr<Transform>> { return std::make_unique<Sieve>(); };
    return bound;
  };
  return kind;
}

SinkKind model_store(World& world) {
  SinkKind kind;
  kind.spec = &named("model");
  kind.is_store = true;
  kind.bind = [&world](const SinkSettings& sink, const InputInfo&, const BindContext&, Problems&) -> Result<BoundSink> {
    BoundSink bound;
    bound.store = std::make_shared<Model>(world, sink.name);
    bound.target = "model:" + sink.name;
    bound.owns = {bound.target};
    return bound;
  };
  return kind;
}

}  // namespace trommel
