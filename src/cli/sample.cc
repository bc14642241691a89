#include "cli/sample.h"

#include <arrow/api.h>

namespace trommel::cli {

namespace {

constexpr int64_t rows_kept = 20;
constexpr size_t refused_kept = 10;

class Sampler;

/// Hands the rows of one node on to the next ones, there and then.
class NodeOutlet : public QuietOutlet {
 public:
  NodeOutlet(Sampler& sampler, size_t node) : sampler_(sampler), node_(node) {}
  void emit(Batch batch) override;
  void reject(const Batch& batch, std::span<const Refusal> refusals) override;
  void reject(const Block& block, std::span<const RawRefusal> refusals) override;

 private:
  void keep(Kept kept);

  Sampler& sampler_;
  size_t node_;
};

class Sampler {
 public:
  explicit Sampler(const Plan& plan) : plan_(plan), samples_(plan.nodes.size()), transforms_(plan.nodes.size()) {
    for (size_t i = 0; i < plan.nodes.size(); ++i) outlets_.push_back(std::make_unique<NodeOutlet>(*this, i));
  }

  Result<std::vector<NodeSample>> run() {
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (plan_.nodes[i].kind != PlanNode::Kind::transform) continue;
      ASSIGN(transforms_[i], plan_.nodes[i].transform.make());
    }
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (plan_.nodes[i].kind == PlanNode::Kind::source) TRY(read(i));
    }
    for (size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (transforms_[i]) TRY(transforms_[i]->end(*outlets_[i]));
    }
    if (failed_) return tl::unexpected(*failed_);
    return std::move(samples_);
  }

  void hand_on(size_t from, const Batch& batch) {
    keep_rows(from, batch);
    for (const size_t to : plan_.nodes[from].outputs) push(from, to, batch);
  }

  NodeSample& sample(size_t node) { return samples_[node]; }

 private:
  Result<> read(size_t node) {
    Source& source = *plan_.nodes[node].source;
    ASSIGN(const auto splits, source.peek());
    if (splits.empty()) return {};
    ASSIGN(const auto reader, source.open(std::make_shared<const Split>(splits.front()), 0));
    while (true) {
      ASSIGN(const auto piece, reader->read());
      if (piece.block) {
        ASSIGN(samples_[node].in, piece.block->decoder->decode(*piece.block, *outlets_[node]));
        return {};
      }
      if (piece.then != Reader::Next::more) return {};
    }
  }

  void push(size_t from, size_t to, const Batch& batch) {
    samples_[to].in += batch.size();
    if (!transforms_[to]) return keep_rows(to, batch);
    const auto& inputs = plan_.nodes[to].inputs;
    for (size_t input = 0; input < inputs.size() && !failed_; ++input) {
      if (inputs[input] != from) continue;
      if (auto pushed = transforms_[to]->push(input, batch, *outlets_[to]); !pushed) failed_ = pushed.error();
    }
  }

  void keep_rows(size_t node, const Batch& batch) {
    NodeSample& sample = samples_[node];
    const int64_t room = rows_kept - sample.out;
    sample.out += batch.size();
    if (room > 0) sample.rows.push_back(batch.rows->Slice(0, room));
  }

  const Plan& plan_;
  std::vector<NodeSample> samples_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::vector<std::unique_ptr<NodeOutlet>> outlets_;
  std::optional<Error> failed_;
};

void NodeOutlet::emit(Batch batch) { sampler_.hand_on(node_, batch); }

void NodeOutlet::reject(const Batch& batch, std::span<const Refusal> refusals) {
  Kept kept;
  kept.reject(batch, refusals);
  keep(std::move(kept));
}

void NodeOutlet::reject(const Block& block, std::span<const RawRefusal> refusals) {
  Kept kept;
  kept.reject(block, refusals);
  keep(std::move(kept));
}

void NodeOutlet::keep(Kept kept) {
  NodeSample& sample = sampler_.sample(node_);
  sample.rejected += static_cast<int64_t>(kept.unread.size());
  for (auto& row : kept.unread) {
    if (sample.refused.size() < refused_kept) sample.refused.push_back(std::move(row));
  }
}

}  // namespace

Result<std::vector<NodeSample>> sample_plan(const Plan& plan) { return Sampler(plan).run(); }

}  // namespace trommel::cli
