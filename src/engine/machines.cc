#include "engine/machines.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace trommel {
namespace {

constexpr size_t kRefusedRejects = 100;  // kept of an input that is refused as a whole

class ReaderMachine final : public Machine {
 public:
  ReaderMachine(Attempt& attempt, size_t source, TaskQueue& tasks)
      : attempt_(attempt), node_(attempt.plan.nodes[source]), source_(source), tasks_(tasks) {
    tasks_.add_writer();
    for (const Input& input : attempt.inputs) {
      if (input.split->source == node_.name) inputs_.push_back(input);
    }
  }
  std::string name() const override { return "read " + node_.name; }

  Result<Step> step() override {
    if (!reader_) {
      if (next_ == inputs_.size() || (closes() && !within_unit())) return finish();
      if (auto opened = open(); !opened) return at_fault(std::move(opened).error());
    }
    if (knows_nothing_of_rows()) return Step::blocked;
    auto piece = reader_->read();
    if (!piece) return at_fault(std::move(piece).error());
    count_bytes(*piece);
    if (piece->block && !hand_over(std::move(*piece->block))) return Step::done;
    if (piece->then == Reader::Next::ended) {
      attempt_.ledger.add_progress({inputs_[next_].split, piece->next, true});
      next_input();
    } else if (attempt_.limits.within_splits && closes()) {
      if (planted(Mistake::position_at_read)) {  // one ahead of what the epoch has
        ASSIGN(*piece, reader_->read());
      }
      attempt_.ledger.add_progress({inputs_[next_].split, piece->next, false});
      attempt_.carried->readers[split_key(*inputs_[next_].split)] = std::move(reader_);
      return finish();
    }
    return Step::progress;
  }

 private:
  Result<> open() {
    consumed_ = 0;
    if (attempt_.carried != nullptr) {
      auto& kept = attempt_.carried->readers;
      if (const auto found = kept.find(split_key(*inputs_[next_].split)); found != kept.end()) {
        reader_ = std::move(found->second);
        kept.erase(found);
        consumed_ = std::max<int64_t>(reader_->consumed(), 0);
        return {};
      }
    }
    ASSIGN(reader_, node_.source->open(inputs_[next_].split, inputs_[next_].from));
    return {};
  }
  void next_input() {
    reader_.reset();
    ++next_;
    ++attempt_.ledger.splits_read;
  }
  /// The input at hand cannot be read on. Others may be, where the source allows it: the epoch is tried again with
  /// them.
  Result<Step> at_fault(Error error) {
    if (!goes_on_without(*node_.source) || error.domain == Error::Domain::internal)
      return tl::unexpected(std::move(error));
    attempt_.ledger.add_fault({inputs_[next_].split, std::move(error)});
    next_input();
    return Step::progress;
  }
  /// The epoch is full, or somebody wants it closed.
  bool closes() const {
    const EpochLimits& limits = attempt_.limits;
    return limits.stop.stop_requested() || (limits.rows > 0 && rows_under_way() >= limits.rows) ||
           (limits.bytes > 0 && attempt_.ledger.bytes_read >= limits.bytes);
  }
  /// Rows that were decoded, and those of blocks that wait for it, as far as one can tell.
  int64_t rows_under_way() const {
    const Ledger& ledger = attempt_.ledger;
    const int64_t rows = ledger.rows_read, decoded = ledger.bytes_decoded, handed = ledger.bytes_handed;
    if (decoded == 0) return rows;
    return static_cast<int64_t>(static_cast<double>(rows) * static_cast<double>(handed) / static_cast<double>(decoded));
  }
  /// Before the first block was decoded nobody can tell how many rows there are in those on their way: it is waited
  /// for.
  bool knows_nothing_of_rows() const {
    constexpr uint64_t few = 4;
    return attempt_.limits.rows > 0 && sequence_ >= few && attempt_.ledger.bytes_decoded == 0 &&
           attempt_.ledger.bytes_handed > 0;
  }
  bool within_unit() const {
    return next_ > 0 && inputs_[next_].split->unit_id() == inputs_[next_ - 1].split->unit_id();
  }
  /// A position is a byte where blocks carry bytes; else only the end of a split says how much was read.
  void count_bytes(const Reader::Piece& piece) {
    const bool in_bytes = piece.block && piece.block->bytes;
    int64_t consumed = reader_->consumed();
    if (consumed < 0) consumed = in_bytes ? piece.next : consumed_;
    if (piece.then == Reader::Next::ended) consumed = std::max(consumed, inputs_[next_].split->size);
    attempt_.ledger.bytes_read += consumed - consumed_;
    consumed_ = consumed;
  }
  bool hand_over(Block block) {
    Task task;
    task.source = source_;
    task.sequence = sequence_++;
    attempt_.ledger.bytes_handed += static_cast<int64_t>(block.memory());
    task.block = std::move(block);
    return tasks_.push(std::move(task));
  }
  Step finish() {
    Task task;
    task.source = source_;
    task.sequence = sequence_++;
    task.barrier = true;
    tasks_.push(std::move(task));
    tasks_.close();
    return Step::done;
  }

  Attempt& attempt_;
  const PlanNode& node_;
  const size_t source_;
  TaskQueue& tasks_;
  std::vector<Input> inputs_;
  size_t next_ = 0;
  std::unique_ptr<Reader> reader_;
  int64_t consumed_ = 0;
  uint64_t sequence_ = 0;
};

class LaneMachine final : public Machine {
 public:
  LaneMachine(Attempt& attempt, int number, TaskQueue& tasks, std::vector<Exits> exits)
      : attempt_(attempt),
        number_(number),
        tasks_(tasks),
        exits_(std::move(exits)),
        groups_(attempt.plan.nodes.size()) {}
  std::string name() const override { return fmt::format("lane {}", number_ + 1); }

  Result<Step> step() override {
    auto task = tasks_.pop();
    if (!task) return tasks_.at_end() ? end() : Step::blocked;
    auto& group = groups_[task->source];
    if (!group) {
      group = std::make_unique<Group>(attempt_.plan, task->source, attempt_.ledger, attempt_.flow);
      TRY(group->make(kept(), number_, nullptr));
    }
    if (task->block) {
      TRY(decode(*group, *task));
      attempt_.ledger.bytes_decoded += static_cast<int64_t>(task->block->memory());
    }
    TRY(group->send(exits_[task->source], task->sequence, task->barrier));
    return Step::progress;
  }

 private:
  Instances* kept() const { return attempt_.carried == nullptr ? nullptr : &attempt_.carried->transforms; }
  Result<> decode(Group& group, const Task& task) {
    if (!goes_on_without(*attempt_.plan.nodes[task.source].source)) return group.decode(*task.block);
    std::optional<Error> fault;
    TRY(group.decode(*task.block, &fault));
    if (fault) attempt_.ledger.add_fault({task.block->split, std::move(*fault)});
    return {};
  }
  Step end() {
    for (auto& group : groups_) {
      if (group) group->give_back(kept(), number_);
    }
    return Step::done;
  }

  Attempt& attempt_;
  const int number_;
  TaskQueue& tasks_;
  std::vector<Exits> exits_;
  std::vector<std::unique_ptr<Group>> groups_;  // by source
};

/// Counts what a sink takes of splits whose source wants to know what becomes of their rows.
class SplitCounter {
 public:
  SplitCounter(Attempt& attempt, std::string sink) : ledger_(attempt.ledger), sink_(std::move(sink)) {
    for (const PlanNode& node : attempt.plan.nodes) {
      if (node.source && node.source->wants_rows_of_splits()) sources_.push_back(node.name);
    }
  }
  void took(const Batch& batch) {
    if (sources_.empty() || !batch.block || !batch.block->split) return;
    const Split& split = *batch.block->split;
    if (std::find(sources_.begin(), sources_.end(), split.source) != sources_.end())
      ledger_.add_written_rows(split, sink_, batch.size());
  }

 private:
  Ledger& ledger_;
  const std::string sink_;
  std::vector<std::string> sources_;
};

/// Steps through an inbox: `take` for each parcel, `close` at the barrier that ends the epoch.
template <class Kind>
class InboxMachine : public Kind {
 public:
  explicit InboxMachine(Inbox& inbox) : inbox_(inbox) {}

  Result<Machine::Step> step() final {
    Parcel parcel;
    switch (inbox_.pop(parcel)) {
      case Inbox::What::nothing:
        break;
      case Inbox::What::parcel:
        TRY(take(parcel));
        return Machine::Step::progress;
      case Inbox::What::barrier:
        TRY(close());
        return Machine::Step::done;
    }
    return Machine::Step::blocked;
  }

 private:
  virtual Result<> take(Parcel& parcel) = 0;
  virtual Result<> close() = 0;

  Inbox& inbox_;
};

class TransformMachine final : public InboxMachine<RememberingMachine> {
 public:
  TransformMachine(Attempt& attempt, size_t node, Inbox& inbox, Exits exits)
      : InboxMachine(inbox),
        attempt_(attempt),
        node_(node),
        exits_(std::move(exits)),
        group_(attempt.plan, node, attempt.ledger, attempt.flow) {
    group_.overflow = [this] { return group_.send(exits_, sequence_++, false); };
  }
  std::string name() const override { return attempt_.plan.nodes[node_].name; }
  const StateChanges& changes() const override { return changes_; }

 private:
  Result<> take(Parcel& parcel) override {
    TRY(make_once());
    for (const auto& delivery : parcel.deliveries) TRY(group_.push(delivery.input, delivery.batch));
    return group_.send(exits_, sequence_++, false);
  }
  Result<> close() override {
    TRY(make_once());
    if (attempt_.carried == nullptr) TRY(group_.end());
    TRY(group_.send(exits_, sequence_++, false));
    TRY(group_.send(exits_, sequence_++, true));
    TRY(group_.save(changes_));
    group_.give_back(kept(), 0);
    return {};
  }
  Instances* kept() const { return attempt_.carried == nullptr ? nullptr : &attempt_.carried->transforms; }
  /// On the machine's own thread: making may load lookup tables.
  Result<> make_once() {
    if (std::exchange(made_, true)) return {};
    return group_.make(kept(), 0, attempt_.states);
  }

  Attempt& attempt_;
  const size_t node_;
  Exits exits_;
  Group group_;
  StateChanges changes_;
  uint64_t sequence_ = 0;
  bool made_ = false;
};

class FileSinkMachine final : public InboxMachine<SinkMachine> {
 public:
  FileSinkMachine(Attempt& attempt, size_t node, Inbox& inbox)
      : InboxMachine(inbox),
        attempt_(attempt),
        node_(node),
        sink_(*attempt.plan.nodes[node].sink.files),
        files_(attempt.env, options(attempt, node)),
        splits_(attempt, attempt.plan.nodes[node].name) {}
  std::string name() const override { return attempt_.plan.nodes[node_].name; }
  PreparedSink& prepared() override { return prepared_; }

 private:
  Result<> take(Parcel& parcel) override {
    Counts counts;
    for (const auto& delivery : parcel.deliveries) {
      took_any_ = true;
      counts.in += delivery.batch.size();
      TRY(sink_.write(delivery.batch, files_));
      splits_.took(delivery.batch);
    }
    attempt_.ledger.add(node_, counts);
    return {};
  }
  static TemporaryFiles::Options options(const Attempt& attempt, size_t node) {
    return {attempt.plan.nodes[node].name,           attempt.plan.pipeline, attempt.state_folder, attempt.epoch,
            attempt.plan.nodes[node].sink.if_exists, attempt.sync};
  }
  Result<> close() override {
    if (attempt_.plan.replays && !took_any_) return {};  // no file for nothing
    TRY(sink_.finish(files_));
    ASSIGN(prepared_.files, files_.prepare());
    Counts counts;
    for (const PreparedFile& file : prepared_.files) counts.written += file.rows;
    attempt_.ledger.add(node_, counts);
    return {};
  }

  Attempt& attempt_;
  const size_t node_;
  FileSink& sink_;
  TemporaryFiles files_;
  SplitCounter splits_;
  bool took_any_ = false;
  PreparedSink prepared_;
};

class StoreSinkMachine final : public InboxMachine<SinkMachine> {
 public:
  StoreSinkMachine(Attempt& attempt, size_t node, Inbox& inbox, Exit to_rejects)
      : InboxMachine(inbox),
        attempt_(attempt),
        node_(node),
        to_rejects_(to_rejects),
        sink_(*attempt.plan.nodes[node].sink.store),
        splits_(attempt, attempt.plan.nodes[node].name) {}
  std::string name() const override { return attempt_.plan.nodes[node_].name; }
  PreparedSink& prepared() override { return prepared_; }

 private:
  Result<> take(Parcel& parcel) override {
    Parcel refused;
    Counts counts;
    for (const auto& delivery : parcel.deliveries) TRY(take_batch(delivery.batch, counts, refused));
    attempt_.ledger.add(node_, counts);
    to_rejects_.inbox->push(to_rejects_.producer, sequence_++, std::move(refused));
    return {};
  }
  Result<> take_batch(const Batch& batch, Counts& counts, Parcel& refused) {
    counts.in += batch.size();
    Spooled spooled;
    if (sink_.spooled()) {
      ASSIGN(spooled, sink_.spool(batch));
    } else {
      ASSIGN(spooled.refusals, sink_.refuses(batch));
    }
    Batch kept = batch;
    if (!spooled.refusals.empty()) {
      RowSpeller speller(*batch.rows);
      std::vector<uint8_t> keep(static_cast<size_t>(batch.size()), 1);
      for (const Refusal& refusal : spooled.refusals) {
        if (keep[static_cast<size_t>(refusal.row)] == 0) continue;
        keep[static_cast<size_t>(refusal.row)] = 0;
        ++counts.rejected;
        ++counts.reasons[refusal.code];
        ++attempt_.ledger.rows_rejected;
        refused.rejects.push_back(make_reject(attempt_.plan.pipeline, name(), batch, refusal, lines_, speller));
      }
      if (!spooled.rows) {
        ASSIGN(kept, filter(batch, keep));
      }
    }
    if (spooled.rows) kept = {std::move(spooled.rows), {}, batch.block};
    if (kept.size() == 0) return {};
    if (!writer_) TRY(open_segment_writer());
    splits_.took(kept);
    return writer_->append(kept);
  }
  Result<> open_segment_writer() {
    const std::string path = fmt::format("{}/spool/{}-{:06}.arrow", attempt_.state_folder, name(), attempt_.epoch);
    const Schema spooled = sink_.spooled();
    ASSIGN(writer_,
           SegmentWriter::open(attempt_.env, path, name(), spooled ? spooled : attempt_.plan.nodes[node_].schema));
    return {};
  }
  Result<> close() override {
    // A bounded run makes its table even without rows; an epoch among many need not touch the store for nothing.
    if (!writer_ && attempt_.carried == nullptr && !attempt_.plan.replays) TRY(open_segment_writer());
    if (writer_) {
      ASSIGN(auto segment, writer_->seal(attempt_.sync && !planted(Mistake::segment_not_synced)));
      prepared_.segments.push_back(std::move(segment));
    }
    Parcel parcel;
    parcel.barrier = true;
    to_rejects_.inbox->push(to_rejects_.producer, sequence_++, std::move(parcel));
    return {};
  }

  Attempt& attempt_;
  const size_t node_;
  Exit to_rejects_;
  StoreSink& sink_;
  SplitCounter splits_;
  std::unique_ptr<SegmentWriter> writer_;
  LineCounter lines_;
  PreparedSink prepared_;
  uint64_t sequence_ = 0;
};

class RejectLogMachine final : public InboxMachine<RejectMachine> {
 public:
  RejectLogMachine(Attempt& attempt, Inbox& inbox)
      : InboxMachine(inbox),
        attempt_(attempt),
        files_(attempt.env, {"rejects", attempt.plan.pipeline, attempt.state_folder, attempt.epoch, IfExists::replace,
                             attempt.sync}),
        lines_(attempt.epoch, [&plan = attempt.plan](const std::string& source) { return rows_of(plan, source); }) {}
  std::string name() const override { return "rejects"; }
  PreparedSink& prepared() override { return prepared_; }
  const std::vector<Reject>& first() const override { return first_; }
  const std::vector<std::pair<std::string, int64_t>>& by_source() const override { return by_source_; }
  std::map<std::string, RefusedInput>& faulty() override { return faulty_; }

 private:
  Result<> take(Parcel& parcel) override {
    for (Reject& reject : parcel.rejects) {
      note_input(reject);
      TRY(write(reject));
      if (reject.letter) TRY(keep(reject));
    }
    return {};
  }
  /// The message that was refused, for the dead letters of its source: they are committed with the epoch.
  Result<> keep(const Reject& reject) {
    auto& letters = letters_[reject.source];
    if (!letters) {
      const std::string path =
          fmt::format("{}/spool/{}-{:06}.arrow", attempt_.state_folder, reject.source, attempt_.epoch);
      ASSIGN(letters, SegmentWriter::open(attempt_.env, path, reject.source, reject.letter->schema()));
    }
    return letters->append({reject.letter, {}, nullptr});
  }
  static Schema rows_of(const Plan& plan, const std::string& source) {
    const auto node = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                   [&](const PlanNode& n) { return n.source && n.name == source; });
    return node == plan.nodes.end() ? nullptr : node->schema;
  }
  /// An input with a reject is refused as a whole, where its source says so.
  void note_input(const Reject& reject) {
    if (reject.split_id.empty() || !refuses_whole(reject.source)) return;
    RefusedInput& input = faulty_[split_key(reject.source, reject.split_id)];
    ++input.reasons[reject.code];
    if (input.rejects.size() < kRefusedRejects) input.rejects.push_back(reject);
  }
  bool refuses_whole(const std::string& source) const {
    const auto& nodes = attempt_.plan.nodes;
    return std::any_of(nodes.begin(), nodes.end(), [&](const PlanNode& node) {
      return node.source && node.name == source && node.source->refuses_whole();
    });
  }
  /// Of an input that was refused as a whole the rows to blame stand for themselves, and one record for all others.
  Result<> write_refused(const RefusedInput& input) {
    int64_t left = input.rows;
    for (Reject reject : input.rejects) {
      reject.whole_file = true;
      reject.rows = left > 0 ? 1 : 0;
      left -= reject.rows;
      TRY(write(reject));
    }
    if (left == 0) return {};
    Reject rest;
    rest.pipeline = attempt_.plan.pipeline;
    rest.stage = rest.source = input.split->source;
    rest.split = input.split->name;
    rest.code = "file_refused";
    rest.whole_file = true;
    rest.reason = "the whole file was refused";
    rest.rows = left;
    return write(rest);
  }
  Result<> write(Reject& reject) {
    if (!file_) {
      const std::string path = fmt::format("{}/rejects/epoch-{:06}.jsonl", attempt_.state_folder, attempt_.epoch);
      ASSIGN(file_, files_.create(path));
    }
    reject.at_us = attempt_.env.now_us();
    TRY(file_->append(as_bytes(lines_.line(reject) + "\n")));
    rows_ += reject.rows;
    if (first_.size() < 10) first_.push_back(reject);
    const auto at = std::find_if(by_source_.begin(), by_source_.end(),
                                 [&](const auto& entry) { return entry.first == reject.source; });
    if (at == by_source_.end()) {
      by_source_.emplace_back(reject.source, reject.rows);
    } else {
      at->second += reject.rows;
    }
    return {};
  }
  Result<> close() override {
    for (const RefusedInput& input : attempt_.refused) TRY(write_refused(input));
    if (file_) {
      file_->set_rows(rows_);
      TRY(file_->close());
      file_.reset();
    }
    for (auto& [source, letters] : letters_) {
      ASSIGN(auto segment, letters->seal(attempt_.sync));
      prepared_.segments.push_back(std::move(segment));
    }
    ASSIGN(prepared_.files, files_.prepare());
    if (planted(Mistake::rejects_outside)) {
      for (const PreparedFile& file : std::exchange(prepared_.files, {})) {
        ASSIGN(const std::string lines, attempt_.env.read_text(file.temporary));
        TRY(attempt_.env.make_directories(folder_of(file.final_path)));
        ASSIGN(auto log, attempt_.env.append_to(folder_of(file.final_path) + "/epoch-000000.jsonl"));
        TRY(log->append(as_bytes(lines)));
        TRY(log->sync());
      }
    }
    attempt_.ledger.add_logged_rejects(rows_);
    return {};
  }

  Attempt& attempt_;
  TemporaryFiles files_;
  RejectLines lines_;
  std::unique_ptr<OutputFile> file_;
  std::map<std::string, std::unique_ptr<SegmentWriter>> letters_;  ///< by source
  int64_t rows_ = 0;
  std::vector<Reject> first_;
  std::vector<std::pair<std::string, int64_t>> by_source_;
  std::map<std::string, RefusedInput> faulty_;
  PreparedSink prepared_;
};

}  // namespace

std::unique_ptr<Machine> reader_machine(Attempt& attempt, size_t source, TaskQueue& tasks) {
  return std::make_unique<ReaderMachine>(attempt, source, tasks);
}
std::unique_ptr<Machine> lane_machine(Attempt& attempt, int number, TaskQueue& tasks, std::vector<Exits> exits) {
  return std::make_unique<LaneMachine>(attempt, number, tasks, std::move(exits));
}
std::unique_ptr<RememberingMachine> transform_machine(Attempt& attempt, size_t node, Inbox& inbox, Exits exits) {
  return std::make_unique<TransformMachine>(attempt, node, inbox, std::move(exits));
}
std::unique_ptr<SinkMachine> file_sink_machine(Attempt& attempt, size_t node, Inbox& inbox) {
  return std::make_unique<FileSinkMachine>(attempt, node, inbox);
}
std::unique_ptr<SinkMachine> store_sink_machine(Attempt& attempt, size_t node, Inbox& inbox, Exit to_rejects) {
  return std::make_unique<StoreSinkMachine>(attempt, node, inbox, to_rejects);
}
std::unique_ptr<RejectMachine> reject_machine(Attempt& attempt, Inbox& inbox) {
  return std::make_unique<RejectLogMachine>(attempt, inbox);
}

}  // namespace trommel
