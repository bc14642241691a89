#include "engine/publish.h"

#include <fmt/format.h>

#include <algorithm>

namespace trommel {
namespace {

constexpr size_t kOutputsListed = 1000;

}  // namespace

Result<> Publisher::open() {
  ASSIGN(taken_, state_.taken());
  return {};
}

bool Publisher::knows_content(const Split& split, int64_t remembered_us) const {
  if (remembered_us == 0 || split.content.empty()) return false;
  const auto found = taken_.contents.find(split_key(split.source, split.content));
  return found != taken_.contents.end() && env_.now_us() - found->second < remembered_us;
}

Result<> Publisher::recover(const Plan& plan, const std::optional<Checkpoint>& last,
                            const std::vector<std::string>& damaged) {
  const bool pending = last && last->epoch > taken_.last_epoch;
  if (!pending && last && last->epoch < taken_.last_epoch && !damaged.empty()) {
    return external_error(state_.path(),
                          fmt::format("the newest checkpoint that can be read is {}, but epoch {} is in the sinks",
                                      last->epoch, taken_.last_epoch),
                          "restore the state folder from a copy, or start anew under another name");
  }
  TRY(sweep_temporaries(env_, state_.path(), pending ? last->files : std::vector<PreparedFile>{}));
  if (!pending) return sweep_spool();
  say(fmt::format("epoch {} was saved and not yet published: publishing it now", last->epoch));
  TRY(commit(plan, *last));
  report_.recovered = true;
  return sweep_spool();
}

Result<> Publisher::commit(const Plan& plan, const Checkpoint& checkpoint) {
  for (const SealedSegment& sealed : checkpoint.segments) TRY(commit_store(plan, checkpoint.epoch, sealed));
  TRY(commit_files(env_, checkpoint.files, !options_.ephemeral));
  for (const PreparedFile& file : checkpoint.files) {
    if (file.sink != "rejects") add_output({file.sink, file.final_path, file.rows, file.size});
  }
  if (options_.ephemeral) return {};
  TRY(env_.remove(refused_log()));
  TRY(tell_sources(plan, checkpoint));
  TRY(state_.append_taken(checkpoint, env_.now_us(), taken_));
  TRY(state_.compact_taken(taken_));
  for (const SealedSegment& sealed : checkpoint.segments) TRY(env_.remove(sealed.path));
  return sweep_temporaries(env_, state_.path(), {});
}

Result<> Publisher::commit_store(const Plan& plan, Epoch epoch, const SealedSegment& sealed) {
  const auto node = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                 [&](const PlanNode& n) { return n.name == sealed.sink && n.sink.store; });
  if (node == plan.nodes.end()) {
    return config_error(
        plan.file,
        fmt::format("epoch {} waits to be written to sink `{}`, which the pipeline no longer has", epoch, sealed.sink),
        "put the sink back for one run, or start anew under another name");
  }
  ASSIGN(auto segment, open_segment(env_, sealed));
  const auto written = node->sink.store->commit(epoch, *segment);
  if (!written) {
    Error error = written.error();
    if (error.domain == Error::Domain::external)
      error.hint += (error.hint.empty() ? "" : "; ") + std::string("the rows are kept, the next run writes them");
    return tl::unexpected(error);
  }
  const auto place = static_cast<size_t>(node - plan.nodes.begin());
  if (place < report_.balance.nodes.size()) report_.balance.nodes[place].counts.written += *written;
  add_output({sealed.sink, node->sink.target, *written, -1});
  return {};
}

Result<> Publisher::tell_sources(const Plan& plan, const Checkpoint& checkpoint) {
  for (const PlanNode& node : plan.nodes) {
    if (!node.source) continue;
    std::vector<Delivered> delivered;
    for (const TakenInput& input : checkpoint.taken) {
      if (input.split.source == node.name)
        delivered.push_back({input.split, input.split.size, true, input.how, input.why});
    }
    for (const OpenInput& input : checkpoint.open) {
      if (input.split.source == node.name)
        delivered.push_back({input.split, input.at, false, Delivered::How::taken, {}});
    }
    if (!delivered.empty()) TRY(node.source->durable(delivered));
  }
  return {};
}

void Publisher::add_output(PublishedOutput output) {
  if (output.bytes < 0) {
    const auto same = std::find_if(report_.outputs.begin(), report_.outputs.end(), [&](const PublishedOutput& known) {
      return known.bytes < 0 && known.sink == output.sink && known.name == output.name;
    });
    if (same != report_.outputs.end()) {
      same->rows += output.rows;
      return;
    }
  } else if (report_.outputs.size() >= kOutputsListed) {
    ++report_.outputs_unlisted;
    return;
  }
  report_.outputs.push_back(std::move(output));
}

Result<> Publisher::sweep_spool() {
  const std::string folder = state_.path() + "/spool";
  if (!env_.exists(folder)) return {};
  ASSIGN(const auto entries, env_.list(folder));
  for (const FileInfo& entry : entries) TRY(env_.remove(entry.path));
  return {};
}

Result<> Publisher::sweep() {
  TRY(sweep_temporaries(env_, state_.path(), {}));
  return sweep_spool();
}

}  // namespace trommel
