#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>

#include "batch/gather.h"
#include "connectors/files/files.h"
#include "connectors/files/pack.h"
#include "connectors/files/partition.h"
#include "connectors/files/sink_plan.h"
#include "connectors/files/spill.h"

namespace trommel {
namespace {

/// `.csv.gz` of `rows.csv.gz`: what stays behind a number that is put into the name.
std::string extensions_of(const std::string& name) {
  std::string stem = stem_of(name);
  for (const char* packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) stem = stem_of(stem);
  }
  return name.substr(stem.size());
}

/// `flights` of `in/flights.csv.zip!flights.csv`.
std::string stem_of_split(const Split& split) {
  if (split.name == "standard input") return "stdin";
  std::string name = name_of(split.name.substr(split.name.rfind('!') + 1));
  for (const char* packed : {".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip"}) {
    if (name.ends_with(packed) && name.size() > std::string_view(packed).size()) {
      name = stem_of(name);
      break;
    }
  }
  return stem_of(name);
}

class FilesSink : public FileSink {
 public:
  explicit FilesSink(SinkPlan plan) : plan_(std::move(plan)), spill_(*plan_.env, plan_.spill_folder, plan_.written) {}

  Result<> write(const Batch& batch, OutputFiles& files) override {
    if (batch.size() == 0) return {};
    ASSIGN(const std::string base, base_path(batch));
    if (plan_.partition_columns.empty()) {
      ASSIGN(const Rows written, columns_written(*batch.rows));
      TRY(encode(key_of(base, batch), written, files));
      return make_room();
    }
    if (base != incoming_base_) {
      TRY(scatter(files, false));
      incoming_base_ = base;
    }
    TRY(incoming_.add(batch.rows));
    return incoming_.bytes() > incoming_max() ? scatter(files, false) : Result<>{};
  }

  Result<> finish(OutputFiles& files) override {
    // Somebody may wait for the one file of this name: it comes even when there are no rows.
    if (!wrote_any_ && !plan_.is_folder && plan_.path.find(source_stem) == std::string::npos) {
      TRY(writer(plan_.path, files));
    }
    TRY(scatter(files, true));
    for (const std::string& key : spill_.keys()) {
      for (size_t i = 0; i < spill_.count(key); ++i) {
        ASSIGN(const Rows rows, spill_.read(key, i));
        TRY(encode(key, rows, files));
      }
      TRY(close(key));
    }
    spill_.clear();
    while (!open_.empty()) TRY(close(open_.begin()));
    parts_.clear();
    return {};
  }

  size_t memory() const override { return memory_ + static_cast<size_t>(incoming_.bytes()); }

 private:
  struct Writer {
    std::string key;
    std::unique_ptr<OutputFile> file;
    std::unique_ptr<Packer> packer;    // after `file`, which it writes to
    std::unique_ptr<Encoder> encoder;  // after both, since it writes to one of them
    size_t memory = 0;
    int64_t rows = 0;
  };
  using Place = std::list<Writer>::iterator;

  Result<std::string> base_path(const Batch& batch) const {
    const size_t at = plan_.path.find(source_stem);
    if (at == std::string::npos) return plan_.path;
    if (!batch.block || !batch.block->split) {
      return config_error(plan_.path, "these rows come from no single file, so {source_stem} means nothing",
                          "name the file, or write to a folder");
    }
    std::string path = plan_.path;
    return path.replace(at, source_stem.size(), stem_of_split(*batch.block->split));
  }

  /// Two inputs of one name are two outputs.
  std::string key_of(const std::string& base, const Batch& batch) const {
    return plan_.by_input ? base + std::string(1, '\0') + batch.block->split->id : base;
  }

  Result<Rows> columns_written(const arrow::RecordBatch& rows) const {
    auto picked = rows.SelectColumns(plan_.written_columns);
    if (!picked.ok()) return tl::unexpected(from_arrow(picked.status(), plan_.path));
    return *picked;
  }

  /// Brings the rows that came in to their partitions. One with many of them is written to its file at once; few rows
  /// are set aside, so that they do not become a file each time. The last time nothing is set aside that was not
  /// before.
  Result<> scatter(OutputFiles& files, bool last) {
    if (incoming_.empty()) return {};
    ASSIGN(const Rows rows, incoming_.take());
    ASSIGN(const Rows written, columns_written(*rows));
    ASSIGN(const auto partitions, partition_rows(*rows, plan_.partition_columns));
    const int64_t many = rows->num_rows() / files_at_once();
    const auto large = std::count_if(partitions.begin(), partitions.end(), [&](const Partition& partition) {
      return static_cast<int64_t>(partition.rows.size()) >= many;
    });
    encoder_memory_ = plan_.memory * 3 / 8 / std::max<int64_t>(large, 1);
    for (const Partition& partition : partitions) {
      Batch part{written, {}, nullptr};
      if (partitions.size() > 1) {
        ASSIGN(part, select(part, partition.rows));
      }
      const std::string key = incoming_base_ + "/" + partition.folder;
      const bool at_once = by_key_.contains(key) || last || part.size() >= many;
      if (spill_.has(key) || !at_once) {
        TRY(spill_.add(key, *part.rows));
        continue;
      }
      const bool stays_open = !last || by_key_.contains(key);
      TRY(encode(key, part.rows, files));
      if (!stays_open) TRY(close(key));
      TRY(make_room());
    }
    return {};
  }

  /// Writes rows to the file of the key, or to several where files have limits.
  Result<> encode(const std::string& key, const Rows& rows, OutputFiles& files) {
    int64_t done = 0;
    do {
      ASSIGN(const Place place, writer(key, files));
      const int64_t some =
          plan_.has_limits() ? std::min(rows_until_full(*place), rows->num_rows() - done) : rows->num_rows();
      TRY(encode(*place, some == rows->num_rows() ? *rows : *rows->Slice(done, some)));
      done += some;
      if (is_full(*place)) TRY(close(place));
    } while (done < rows->num_rows());
    return {};
  }

  Result<> encode(Writer& writer, const arrow::RecordBatch& rows) {
    TRY(writer.encoder->write(rows));
    if (plan_.max_bytes > 0) TRY(writer.encoder->flush());
    writer.rows += rows.num_rows();
    memory_ -= writer.memory;
    writer.memory = writer.encoder->memory() + (writer.packer ? writer.packer->memory() : 0);
    memory_ += writer.memory;
    return {};
  }

  /// What the file takes. A format of row groups shows it late: its rows are taken to be like those of the last file,
  /// and those of the first as large as in memory.
  int64_t bytes_of(const Writer& writer) const {
    const int64_t written = writer.file->written();
    if (plan_.encoder.packable) return written;
    if (bytes_by_row_ == 0) return written + static_cast<int64_t>(writer.encoder->memory());
    return std::max(written, static_cast<int64_t>(static_cast<double>(writer.rows) * bytes_by_row_));
  }

  bool is_full(const Writer& writer) const {
    return (plan_.max_rows > 0 && writer.rows >= plan_.max_rows) ||
           (plan_.max_bytes > 0 && writer.rows > 0 && bytes_of(writer) >= plan_.max_bytes);
  }

  /// By the rows before: fewer than would fill the file, so that it ends with the row that does.
  int64_t rows_until_full(const Writer& writer) const {
    constexpr int64_t at_first = 256;
    constexpr int64_t at_once = 64 << 10;
    int64_t rows = at_once;
    if (plan_.max_bytes > 0) {
      const int64_t bytes = bytes_of(writer);
      const int64_t left = std::max<int64_t>(plan_.max_bytes - bytes, 0);
      const double by_row =
          static_cast<double>(std::max<int64_t>(bytes, 1)) / static_cast<double>(std::max<int64_t>(writer.rows, 1));
      rows = writer.rows == 0
                 ? std::min<int64_t>(at_first, 1 + left / 4096)
                 : std::clamp<int64_t>(static_cast<int64_t>(static_cast<double>(left) / by_row * 0.8), 1, at_once);
      // What a packer holds back does not show: no more at once than would be seen in time.
      if (bytes == 0) rows = std::min(rows, at_first);
    }
    return plan_.max_rows > 0 ? std::min(rows, plan_.max_rows - writer.rows) : rows;
  }

  /// Beyond its share of memory the sink closes files; a single one keeps within bounds by itself.
  Result<> make_room() {
    // A partitioned sink needs as much again for rows that come in and are sorted out.
    const int64_t most = plan_.partition_columns.empty() ? plan_.memory : plan_.memory / 2;
    while (static_cast<int64_t>(memory_) > most && open_.size() > 1) TRY(close(open_.begin()));
    return {};
  }

  Result<Place> writer(const std::string& key, OutputFiles& files) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      open_.splice(open_.end(), open_, found->second);
      return found->second;
    }
    while (open_.size() >= plan_.open_max) TRY(close(open_.begin()));
    Writer made;
    made.key = key;
    ASSIGN(made.file, files.create(path_of(key, files.epoch())));
    OutputStream* out = made.file.get();
    if (plan_.packing != Packing::plain) {
      ASSIGN(made.packer, pack_into(*made.file, plan_.packing, plan_.pack_level));
      out = made.packer.get();
    }
    ASSIGN(made.encoder, plan_.encoder.open(*out, plan_.written, plan_.settings, plan_.threads, encoder_memory()));
    wrote_any_ = true;
    open_.push_back(std::move(made));
    by_key_[key] = std::prev(open_.end());
    return std::prev(open_.end());
  }

  std::string path_of(const std::string& key, Epoch epoch) {
    const int64_t part = parts_[key]++;
    if (plan_.is_folder) return fmt::format("{}/part-{}-{}.{}", key, epoch, part, plan_.extension);
    const std::string path = key.substr(0, key.find('\0'));
    const std::string name = name_of(path);
    const std::string extensions = extensions_of(name);
    const std::string stem = folder_of(path) + "/" + name.substr(0, name.size() - extensions.size());
    // Numbered from the first on, so that they sort in the order of their rows.
    if (plan_.has_limits()) return fmt::format("{}-{:04}{}", stem, part + 1, extensions);
    return part == 0 ? path : fmt::format("{}-part-{}{}", stem, part, extensions);
  }

  /// Rows to sort out in one go: enough that each partition gets some, few enough to come through in a moment.
  int64_t incoming_max() const { return std::min<int64_t>(plan_.memory / 8, 16 << 20); }

  /// Partitions that are written while rows still come: so many that each has memory for row groups worth the name.
  int64_t files_at_once() const {
    constexpr int64_t memory_of_a_file = 4 << 20;
    return std::clamp<int64_t>(plan_.memory / 2 / memory_of_a_file, 1, static_cast<int64_t>(plan_.open_max));
  }

  /// One file has it all; of many inputs each may grow to a good row group before others have to make room.
  int64_t encoder_memory() const {
    if (!plan_.partition_columns.empty()) return std::max<int64_t>(encoder_memory_, 1);
    return plan_.open_max == 1 ? plan_.memory : std::max<int64_t>(plan_.memory / 4, 1);
  }

  Result<> close(const std::string& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? Result<>{} : close(found->second);
  }

  Result<> close(Place place) {
    Writer writer = std::move(*place);
    by_key_.erase(writer.key);
    open_.erase(place);
    memory_ -= writer.memory;
    TRY(writer.encoder->finish());
    if (writer.packer) TRY(writer.packer->finish());
    if (writer.rows > 0) bytes_by_row_ = static_cast<double>(writer.file->written()) / static_cast<double>(writer.rows);
    writer.file->set_rows(writer.encoder->rows());
    return writer.file->close();
  }

  const SinkPlan plan_;
  std::list<Writer> open_;  ///< the one written to longest ago first
  std::map<std::string, Place> by_key_;
  std::map<std::string, int64_t> parts_;  ///< files made so far, by key
  Gather incoming_;                       ///< rows of a partitioned sink that were not sorted out yet
  std::string incoming_base_;
  int64_t encoder_memory_ = 1;  ///< of each partition's
  double bytes_by_row_ = 0;     ///< of the last file; 0: there was none
  Spill spill_;
  size_t memory_ = 0;
  bool wrote_any_ = false;
};

}  // namespace

SinkKind files_sink(std::vector<EncoderKind> encoders) {
  const auto spec = sink_spec(encoders);
  SinkKind kind;
  kind.spec = spec.get();
  kind.bind = [encoders = std::move(encoders), spec](const SinkSettings& sink, const InputInfo& input,
                                                     const BindContext& context,
                                                     Problems& problems) -> Result<BoundSink> {
    Problems found;
    auto planned = plan_sink(encoders, sink, input, context, found);
    problems.add(found);
    if (!planned) return BoundSink{};
    planned->bound.files = std::make_shared<FilesSink>(std::move(planned->plan));
    return std::move(planned->bound);
  };
  return kind;
}

}  // namespace trommel
