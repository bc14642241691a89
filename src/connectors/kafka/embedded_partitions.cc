// Embedded topics, as a source reads them.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <regex>

#include "component/message.h"
#include "connectors/kafka/partitions.h"

namespace trommel::kafka {
namespace {

Envelope envelope_of(const arrow::RecordBatch& messages, int64_t row) {
  Envelope out;
  const auto& keys = static_cast<const arrow::BinaryArray&>(*messages.column(0));
  const auto& headers = static_cast<const arrow::MapArray&>(*messages.column(2));
  if (!keys.IsNull(row)) out.key.emplace(keys.GetView(row));
  if (headers.IsNull(row)) return out;
  const auto& names = static_cast<const arrow::StringArray&>(*headers.keys());
  const auto& values = static_cast<const arrow::BinaryArray&>(*headers.items());
  for (int64_t i = headers.value_offset(row); i < headers.value_offset(row + 1); ++i) {
    Envelope::Header& header = out.headers.emplace_back(Envelope::Header{names.GetString(i), std::nullopt});
    if (!values.IsNull(i)) header.value.emplace(values.GetView(i));
  }
  return out;
}

/// Reads file after file, all of each: a batch at a time.
class FileStream final : public MessageStream {
 public:
  FileStream(EmbeddedTopic topic, int64_t from, int64_t to, bool keeps_envelopes)
      : topic_(std::move(topic)), at_(from), to_(to), keeps_envelopes_(keeps_envelopes) {}

  Result<Fetched> fetch(int64_t bytes) override {
    Fetched out;
    arrow::BufferBuilder values;
    out.bounds.push_back(0);
    while (at_ < to_ && values.length() < bytes) {
      if (place_ == rows_in_hand()) {
        TRY(next_batch());
        continue;
      }
      TRY(take_rows(values, bytes, out));
    }
    out.next = at_;
    auto status = values.Append(Messages::kPadding, 0);
    if (status.ok()) status = values.Finish(&out.values);
    if (!status.ok()) return tl::unexpected(from_arrow(status, topic_.folder()));
    out.values = arrow::SliceBuffer(out.values, 0, out.values->size() - static_cast<int64_t>(Messages::kPadding));
    return out;
  }

 private:
  int64_t rows_in_hand() const { return rows_ ? rows_->num_rows() : 0; }

  Result<> next_batch() {
    if (!segment_) TRY(open_file());
    Batch batch;
    ASSIGN(const bool more, segment_->next(batch));
    rows_.reset();
    place_ = 0;
    if (!more) {
      segment_.reset();
      return {};
    }
    if (!batch.rows->schema()->Equals(*stored_messages(), false))
      return external_error(topic_.folder(), "is damaged: its files do not hold messages");
    batch_end_ += batch.size();
    if (batch_end_ <= at_) return {};
    rows_ = batch.rows;
    place_ = at_ - (batch_end_ - batch.size());
    return {};
  }

  Result<> open_file() {
    ASSIGN(const auto files, topic_.files());
    const auto file = std::ranges::find_if(files, [this](const auto& each) { return each.end() > at_; });
    if (file == files.end() || file->first > at_) {
      Error gone{Error::Domain::external, topic_.folder(),
                 fmt::format("the messages from offset {} on are gone, and were not read yet", at_),
                 "restore the topic's folder from a copy, or start with a new topic", false};
      return tl::unexpected(std::move(gone));
    }
    ASSIGN(segment_, topic_.open(*file));
    batch_end_ = file->first;
    return {};
  }

  Result<> take_rows(arrow::BufferBuilder& values, int64_t bytes, Fetched& out) {
    const auto& column = static_cast<const arrow::BinaryArray&>(*rows_->column(1));
    const auto& times = static_cast<const arrow::TimestampArray&>(*rows_->column(3));
    if (out.first_ms == 0 && place_ < rows_->num_rows()) out.first_ms = times.Value(place_);
    for (; place_ < rows_->num_rows() && at_ < to_ && values.length() < bytes; ++place_, ++at_) {
      if (keeps_envelopes_)
        (column.IsNull(place_) ? out.around_empty : out.around).push_back(envelope_of(*rows_, place_));
      if (column.IsNull(place_)) {
        out.empty.push_back(at_);
        continue;
      }
      const auto value = column.GetView(place_);
      const auto status = values.Append(value.data(), static_cast<int64_t>(value.size()));
      if (!status.ok()) return tl::unexpected(from_arrow(status, topic_.folder()));
      out.bounds.push_back(static_cast<int32_t>(values.length()));
      out.offsets.push_back(at_);
    }
    return {};
  }

  EmbeddedTopic topic_;
  int64_t at_, to_;
  const bool keeps_envelopes_;
  std::unique_ptr<Segment> segment_;
  Rows rows_;
  int64_t batch_end_ = 0;  ///< the offset behind the batch at hand
  int64_t place_ = 0;      ///< in `rows_`
};

class EmbeddedPartitions final : public Partitions {
 public:
  EmbeddedPartitions(Env& env, const SourceConfig& config, const std::string& folder, std::string reader)
      : env_(env), config_(config), folder_(folder), reader_(std::move(reader)) {
    for (const std::string& topic : config.topics) {
      if (topic.starts_with('^')) patterns_.emplace_back(topic, std::regex::ECMAScript | std::regex::optimize);
    }
  }

  Result<std::vector<Range>> look() override {
    ASSIGN(const auto names, topics());
    std::vector<Range> out;
    for (const std::string& name : names) {
      const EmbeddedTopic topic = topic_of(name);
      ASSIGN(const auto files, topic.files());
      if (files.empty()) {
        out.push_back({{name, 0}, 0, 0});
        continue;
      }
      TRY(topic.settle());
      out.push_back({{name, 0}, files.front().first, files.back().end()});
    }
    return out;
  }

  Result<int64_t> at_time(const Range& range, int64_t time_ms) override {
    const EmbeddedTopic topic = topic_of(range.partition.topic);
    ASSIGN(const auto files, topic.files());
    for (const auto& file : files) {
      ASSIGN(const auto segment, topic.open(file));
      int64_t offset = file.first;
      for (Batch batch;;) {
        ASSIGN(const bool more, segment->next(batch));
        if (!more) break;
        const auto& times = static_cast<const arrow::TimestampArray&>(*batch.rows->column(3));
        for (int64_t row = 0; row < batch.size(); ++row, ++offset) {
          if (times.Value(row) >= time_ms) return offset;
        }
      }
    }
    return range.end;
  }

  Result<std::unique_ptr<MessageStream>> open(const Partition& partition, int64_t from, int64_t to) override {
    return std::make_unique<FileStream>(topic_of(partition.topic), from, to, config_.dead_letter_topic.has_value());
  }

  Result<> taken(std::span<const Taken> taken) override {
    for (const Taken& one : taken) TRY(topic_of(one.partition.topic).taken(reader_, one.offset));
    return {};
  }

 private:
  EmbeddedTopic topic_of(const std::string& name) const {
    return {env_, config_.topic_folder(folder_, name), config_.retention.retention()};
  }

  Result<std::vector<std::string>> topics() const {
    std::vector<std::string> names;
    for (const std::string& topic : config_.topics) {
      if (!topic.starts_with('^')) names.push_back(topic);
    }
    const std::string all = folder_of(config_.topic_folder(folder_, "any"));
    if (!patterns_.empty() && env_.exists(all)) {
      ASSIGN(const auto entries, env_.list(all));
      for (const FileInfo& entry : entries) {
        const std::string name = name_of(entry.path);
        const auto matches = [&](const std::regex& pattern) { return std::regex_search(name, pattern); };
        if (entry.is_directory && std::ranges::any_of(patterns_, matches)) names.push_back(name);
      }
    }
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return names;
  }

  Env& env_;
  const SourceConfig config_;
  const std::string folder_;
  const std::string reader_;
  std::vector<std::regex> patterns_;
};

}  // namespace

std::unique_ptr<Partitions> embedded_partitions(Env& env, const SourceConfig& config,
                                                const std::string& folder_of_pipeline, const std::string& reader) {
  return std::make_unique<EmbeddedPartitions>(env, config, folder_of_pipeline, reader);
}

}  // namespace trommel::kafka
