#include "engine/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/status.h"
#include "engine/why.h"

namespace trommel {

void Inputs::resume(const StateFolder::Saved& saved) {
  if (saved.newest) {
    for (const OpenInput& input : saved.newest->open) open_[split_key(input.split)] = input;
  }
  for (const Checkpoint& pending : saved.pending) {
    for (const TakenInput& input : pending.taken) known_.insert(split_key(input.split));
  }
}

void Inputs::bind(const Plan& plan) {
  order_.clear();
  for (const PlanNode& node : plan.nodes) {
    if (!node.source) continue;
    order_.push_back(node.name);
    bound_[node.name] = node.source;
  }
}

// ---- what there is ---------------------------------------------------------------------------------------------

Result<std::vector<std::string>> Inputs::look() {
  const int64_t now = env_.now_us();
  std::vector<std::string> news;
  std::vector<Lag> lag;
  for (const std::string& name : order_) {
    Source& source = *bound_.at(name);
    ASSIGN(const auto found, source.discover());
    for (Lag& one : source.lag()) lag.push_back(std::move(one));
    for (const std::string& line : source.news()) news.push_back(name + ": " + line);
    for (const Split& split : found) {
      auto own = std::make_shared<Split>(split);
      own->source = name;
      const std::string key = split_key(*own);
      const bool taken = publisher_.taken().keys.contains(key) && !again_;
      if (taken || !known_.insert(key).second) continue;
      const auto open = open_.find(key);
      pending_.push_back({std::move(own), open == open_.end() ? 0 : open->second.at, now});
    }
  }
  options_.status->lag(std::move(lag));
  options_.status->looked(static_cast<int64_t>(pending_.size()), pending_.empty() ? 0 : pending_.front().found_us);
  return news;
}

void Inputs::forget() {
  known_.clear();
  pending_.clear();
}

void Inputs::skip_known_contents() {
  if (again_) return;
  std::set<std::string> now;  // contents of this epoch
  std::vector<Input> left;
  for (Input& input : pending_) {
    const int64_t remembered_us = bound_.at(input.split->source)->remembers_content_us();
    const std::string content = split_key(input.split->source, input.split->content);
    const bool matters = remembered_us > 0 && !input.split->content.empty() && input.from == 0;
    if (matters && (publisher_.knows_content(*input.split, remembered_us) || now.contains(content))) {
      if (options_.say) options_.say(fmt::format("skipped {}: the same content was taken before", input.split->name));
      skipped_.push_back({*input.split, Delivered::How::known, {}});
    } else {
      if (matters) now.insert(content);
      left.push_back(std::move(input));
    }
  }
  pending_ = std::move(left);
}

bool Inputs::urgent() const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const Input& input) { return bound_.at(input.split->source)->urgent(); });
}

bool Inputs::expects_more() const {
  return std::any_of(bound_.begin(), bound_.end(), [](const auto& entry) { return entry.second->expects_more(); });
}

// ---- what becomes of it ----------------------------------------------------------------------------------------

void Inputs::set_aside(const Split& split) {
  std::erase_if(pending_, [&](const Input& input) { return split_key(*input.split) == split_key(split); });
  // One that an earlier epoch began keeps its name, by which the checkpoint knows it: the next run goes on with it.
  const auto same = [&](const auto& open) { return unit_key(open.second.split) == unit_key(split); };
  if (std::any_of(open_.begin(), open_.end(), same)) return;
  known_.erase(split_key(split));
  bound_.at(split.source)->release({&split, 1});
}

void Inputs::take(Checkpoint& checkpoint, Ledger& ledger, const std::vector<RefusedInput>& refused,
                  const std::map<std::string, RefusedInput>& borne) {
  checkpoint.taken = std::exchange(skipped_, {});
  for (const auto& progress : ledger.progress()) {
    if (progress.ended) {
      const auto rejects = borne.find(split_key(*progress.split));
      checkpoint.taken.push_back(
          {*progress.split,
           Delivered::How::taken,
           {},
           rows_of(*progress.split, ledger, rejects == borne.end() ? nullptr : &rejects->second)});
    } else {
      open_[split_key(*progress.split)] = {*progress.split, progress.at};
    }
  }
  std::map<std::string, std::vector<RefusedInput>> units;
  for (const RefusedInput& input : refused) units[input.split->unit_id()].push_back(input);
  for (const RefusedInput& input : refused) {
    const bool page = input.why.empty();
    const std::string why =
        page ? why_page(units[input.split->unit_id()], name_of(input.split->name), env_.now_us()) : input.why;
    checkpoint.taken.push_back({*input.split, Delivered::How::refused, why, rows_of(*input.split, ledger, &input)});
  }
  std::set<std::string> gone;
  for (const TakenInput& input : checkpoint.taken) {
    gone.insert(split_key(input.split));
    open_.erase(split_key(input.split));
  }
  for (const auto& [key, input] : open_) checkpoint.open.push_back(input);
  std::erase_if(pending_, [&](const Input& input) { return gone.contains(split_key(*input.split)); });
  for (Input& input : pending_) {
    if (const auto open = open_.find(split_key(*input.split)); open != open_.end()) input.from = open->second.at;
  }
}

std::optional<RowsOfSplit> Inputs::rows_of(const Split& split, Ledger& ledger, const RefusedInput* rejects) const {
  if (!bound_.at(split.source)->wants_rows_of_splits()) return std::nullopt;
  RowsOfSplit rows;
  rows.read = ledger.input_rows(split);
  rows.written = ledger.written_rows(split);
  if (rejects == nullptr) return rows;
  rows.reasons = rejects->reasons;
  for (const auto& [code, count] : rows.reasons) rows.rejected += count;
  for (const Reject& reject : rejects->rejects)
    rows.first.push_back(
        {reject.line, reject.position, reject.stage, reject.code, reject.column, reject.value, reject.reason});
  if (rows.read == 0) rows.read = rejects->rows;  // of one that an earlier try of the epoch refused
  return rows;
}

void Inputs::put_away(const std::vector<Split>& finished) {
  for (const Split& split : finished) known_.erase(split_key(split));
}

void Inputs::give_back() {
  for (const auto& [name, source] : bound_) {
    std::vector<Split> splits;
    for (const Input& input : pending_) {
      if (input.split->source == name && !open_.contains(split_key(*input.split))) splits.push_back(*input.split);
    }
    if (!splits.empty()) source->release(splits);
  }
}

}  // namespace trommel
