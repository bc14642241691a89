// The promises of transforms and of store sinks.
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "component/promises.h"

namespace trommel {
namespace {

Result<KeepingOutlet> push_in_pieces(const BoundTransform& bound, const Batch& batch, int64_t rows) {
  KeepingOutlet outlet;
  ASSIGN(const auto transform, bound.make());
  for (int64_t at = 0; at < batch.size(); at += rows) {
    TRY(transform->push(0, slice(batch, at, std::min(rows, batch.size() - at)), outlet));
  }
  TRY(transform->end(outlet));
  return outlet;
}

std::vector<std::string> sorted_texts(const KeepingOutlet& outlet) {
  std::vector<std::string> out;
  for (const auto& row : outlet.rows) out.push_back(row.row);
  std::sort(out.begin(), out.end());
  return out;
}

/// Gives its first batch, then fails.
class BrokenOff final : public Segment {
 public:
  explicit BrokenOff(const std::vector<Batch>& batches) : batches_(batches) {}
  Result<bool> next(Batch& batch) override {
    if (given_ || batches_.empty()) return external_error("a segment", "broke off");
    given_ = true;
    batch = batches_.front();
    return true;
  }
  int64_t rows() const override { return GivenSegment(batches_).rows(); }

 private:
  const std::vector<Batch>& batches_;
  bool given_ = false;
};

}  // namespace

std::vector<std::string> broken_transform_promises(const BoundTransform& bound, const Batch& batch) {
  std::vector<std::string> broken;
  std::optional<KeepingOutlet> first;
  for (const int64_t rows : {batch.size(), int64_t{1}, int64_t{3}, batch.size()}) {
    const auto expect = [&](bool kept, const std::string& promise) {
      if (!kept) broken.push_back(fmt::format("pieces of {} rows: {}", rows, promise));
    };
    auto outlet = push_in_pieces(bound, batch, rows);
    if (!outlet) {
      expect(false, outlet.error().text());
      continue;
    }
    expect(outlet->accounted() == batch.size(),
           fmt::format("{} rows went in, {} are accounted for", batch.size(), outlet->accounted()));
    for (const Batch& out : outlet->batches) {
      expect(out.rows->schema()->Equals(*bound.schema), "a batch has another schema than was bound");
      expect(out.positions.known() == bound.keeps_positions, "positions are not as was bound");
    }
    for (const auto& row : outlet->rows) {
      bool came_in = !bound.keeps_positions;
      for (int64_t i = 0; i < batch.size() && !came_in; ++i) came_in = batch.positions.at(i) == row.position;
      expect(came_in, fmt::format("no row came from position {}", row.position));
    }
    if (!first) {
      first = std::move(*outlet);
      continue;
    }
    expect(sorted_texts(*outlet) == sorted_texts(*first), "other rows come out");
    if (bound.keeps_positions) expect(outlet->rows == first->rows, "rows come in another order, or from other places");
    expect(outlet->rejects == first->rejects, "other rows are refused");
  }
  return broken;
}

Result<bool> GivenSegment::next(Batch& batch) {
  if (at_ == batches_.size()) return breaks_off_ ? Result<bool>(external_error("segment", "broken off")) : false;
  batch = batches_[at_++];
  return true;
}

int64_t GivenSegment::rows() const {
  int64_t rows = 0;
  for (const Batch& batch : batches_) rows += batch.size();
  return rows;
}

Result<std::vector<Batch>> spooled_for(StoreSink& sink, const std::vector<Batch>& batches) {
  if (!sink.spooled()) return batches;
  std::vector<Batch> out;
  for (const Batch& batch : batches) {
    ASSIGN(Spooled spooled, sink.spool(batch));
    if (!spooled.rows->schema()->Equals(*sink.spooled(), false))
      return internal_error("sink", "it has other columns spooled than it says");
    if (spooled.rows->num_rows() + static_cast<int64_t>(spooled.refusals.size()) != batch.size())
      return internal_error("sink", "rows are neither spooled nor refused");
    out.push_back({std::move(spooled.rows), {}, nullptr});
  }
  return out;
}

Result<DecodedMessages> decode_side_by_side(const MessageDecoder& decoder, const std::vector<std::string>& messages) {
  std::string bytes;
  std::vector<int32_t> bounds = {0};
  for (const std::string& message : messages) {
    bytes += message;
    bounds.push_back(static_cast<int32_t>(bytes.size()));
  }
  const size_t size = bytes.size();
  bytes.resize(size + Messages::kPadding);
  return decoder.decode({as_bytes(std::string_view(bytes).substr(0, size)), bounds});
}

std::vector<std::string> broken_store_sink_promises(const std::function<std::shared_ptr<StoreSink>()>& make,
                                                    const std::function<int64_t()>& count,
                                                    const std::vector<Batch>& batches) {
  std::vector<std::string> broken;
  const int64_t rows = GivenSegment(batches).rows();
  const auto expect_epoch = [&](StoreSink& sink, Epoch epoch, const std::string& when) {
    const auto last = sink.last_committed();
    if (!last || *last != epoch) broken.push_back(fmt::format("{}: last_committed is not {}", when, epoch));
  };
  const auto commit = [&](StoreSink& sink, Epoch epoch, int64_t held, const std::string& when) {
    auto spooled = spooled_for(sink, batches);
    if (!spooled) return broken.push_back(when + ": " + spooled.error().text());
    GivenSegment segment(std::move(*spooled));
    const auto written = sink.commit(epoch, segment);
    if (!written) {
      broken.push_back(when + ": " + written.error().text());
    } else if (*written != rows) {
      broken.push_back(fmt::format("{}: the commit says {} rows, the segment has {}", when, *written, rows));
    }
    if (count() != held) broken.push_back(fmt::format("{}: the store holds {} rows, not {}", when, count(), held));
    expect_epoch(sink, epoch, when);
  };
  const auto sink = make();
  expect_epoch(*sink, 0, "at first");
  commit(*sink, 1, rows, "first commit");
  commit(*sink, 1, rows, "the same epoch again");
  commit(*make(), 1, rows, "the same epoch after a restart");
  commit(*make(), 2, 2 * rows, "the next epoch");
  return broken;
}

std::vector<std::string> broken_store_sink_promises(const StoreTrial& trial) {
  std::vector<std::string> broken;
  const auto expect = [&](StoreSink& sink, size_t committed, const std::string& when) {
    const auto last = sink.last_committed();
    if (!last || *last != committed) broken.push_back(fmt::format("{}: last_committed is not {}", when, committed));
    auto held = trial.contents(), wanted = trial.expected(committed);
    std::sort(held.begin(), held.end());
    std::sort(wanted.begin(), wanted.end());
    if (held == wanted) return;
    broken.push_back(fmt::format("{}: the store holds {} rows, {} are expected, or others: {} for {}", when,
                                 held.size(), wanted.size(), fmt::join(held, "; "), fmt::join(wanted, "; ")));
  };
  const auto commit = [&](StoreSink& sink, size_t epoch, const std::string& when) {
    auto spooled = spooled_for(sink, trial.epochs[epoch - 1]);
    if (!spooled) return broken.push_back(when + ": " + spooled.error().text());
    GivenSegment segment(std::move(*spooled));
    const auto written = sink.commit(epoch, segment);
    if (!written) {
      broken.push_back(when + ": " + written.error().text());
    } else if (*written != segment.rows()) {
      broken.push_back(fmt::format("{}: the commit says {} rows, the segment has {}", when, *written, segment.rows()));
    }
  };
  const auto sink = trial.make();
  expect(*sink, 0, "at first");
  for (size_t epoch = 1; epoch <= trial.epochs.size(); ++epoch) {
    const auto when = [&](const char* what) { return fmt::format("epoch {}, {}", epoch, what); };
    BrokenOff some(trial.epochs[epoch - 1]);
    if (sink->commit(epoch, some)) broken.push_back(when("a segment that broke off was committed"));
    expect(*sink, epoch - 1, when("after a segment that broke off"));
    commit(*sink, epoch, when("first commit"));
    expect(*sink, epoch, when("first commit"));
    commit(*sink, epoch, when("again"));
    expect(*sink, epoch, when("again"));
    for (size_t earlier = 1; earlier <= epoch; ++earlier) commit(*trial.make(), earlier, when("after a restart"));
    expect(*trial.make(), epoch, when("all again after a restart"));
  }
  return broken;
}

}  // namespace trommel
