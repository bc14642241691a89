#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>
#include <set>

#include "batch/gather.h"
#include "batch/types.h"
#include "connectors/files/files.h"
#include "connectors/files/partition.h"
#include "connectors/files/settings.h"
#include "connectors/files/spill.h"

namespace trommel {

template <>
struct EnumNames<IfExists> {
  static constexpr EnumName<IfExists> list[] = {
      {"number", IfExists::number}, {"replace", IfExists::replace}, {"error", IfExists::error}};
};

namespace {

const std::string source_stem = "{source_stem}";

struct SinkConfig {
  std::string path;
  std::optional<std::string> format;
  std::vector<std::string> partition_by;
  bool keep_partition_columns = false;
  IfExists if_exists = IfExists::number;
  int64_t open_files = 64;

  static const Spec<SinkConfig>& spec() {
    static const auto spec =
        Spec<SinkConfig>("files", "Writes files: one, one for each input file, or folders by partition")
            .field("path", &SinkConfig::path,
                   "a file, or a folder (`out/`); `{source_stem}` is the name of the input file without its "
                   "extensions, `-` is standard output",
                   {.example = "output/{source_stem}.parquet", .required = true})
            .field("format", &SinkConfig::format, "left out: what the path's extension says, and parquet in folders",
                   {.example = "parquet"})
            .field("partition_by", &SinkConfig::partition_by, "columns whose values become folders: `month=3/`",
                   {.example = "[year, month]"})
            .field("keep_partition_columns", &SinkConfig::keep_partition_columns,
                   "write those columns into the files too")
            .field("if_exists", &SinkConfig::if_exists,
                   "what to do about a file of that name: add a number, replace it, or stop")
            .field("open_files", &SinkConfig::open_files,
                   "files written at the same time at most; beyond that, and beyond their share of memory, the one "
                   "that was written to longest ago "
                   "is closed, and its later rows go to another file")
            .scalar_is("path");
    return spec;
  }
};

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

/// What was settled when the sink was bound.
struct SinkPlan {
  std::string path;  ///< absolute; `{source_stem}` still in it
  bool is_folder = false;
  std::string extension;  ///< of files in folders
  EncoderKind encoder;
  Node settings;  ///< of the encoder
  Schema input;
  std::vector<int> partition_columns;
  std::vector<int> written_columns;
  Schema written;
  size_t open_max = 1;
  Env* env = nullptr;
  std::string spill_folder;
  int64_t memory = 0;
  int threads = 1;
};

class FilesSink : public FileSink {
 public:
  explicit FilesSink(SinkPlan plan) : plan_(std::move(plan)), spill_(*plan_.env, plan_.spill_folder, plan_.written) {}

  Result<> write(const Batch& batch, OutputFiles& files) override {
    if (batch.size() == 0) return {};
    ASSIGN(const std::string base, base_path(batch));
    if (plan_.partition_columns.empty()) {
      ASSIGN(const Rows written, columns_written(*batch.rows));
      ASSIGN(const Place place, writer(base, files));
      TRY(encode(place, *written));
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
      ASSIGN(const Place place, writer(key, files));
      for (size_t i = 0; i < spill_.count(key); ++i) {
        ASSIGN(const Rows rows, spill_.read(key, i));
        TRY(encode(place, *rows));
      }
      TRY(close(place));
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
    std::unique_ptr<Encoder> encoder;  // after `file`, which it writes to
    size_t memory = 0;
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
      ASSIGN(const Place place, writer(key, files));
      TRY(encode(place, *part.rows));
      if (!stays_open) TRY(close(place));
      TRY(make_room());
    }
    return {};
  }

  Result<> encode(Place place, const arrow::RecordBatch& rows) {
    TRY(place->encoder->write(rows));
    memory_ -= place->memory;
    place->memory = place->encoder->memory();
    memory_ += place->memory;
    return {};
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
    ASSIGN(made.encoder,
           plan_.encoder.open(*made.file, plan_.written, plan_.settings, plan_.threads, encoder_memory()));
    wrote_any_ = true;
    open_.push_back(std::move(made));
    by_key_[key] = std::prev(open_.end());
    return std::prev(open_.end());
  }

  std::string path_of(const std::string& key, Epoch epoch) {
    const int64_t part = parts_[key]++;
    if (plan_.is_folder) return fmt::format("{}/part-{}-{}.{}", key, epoch, part, plan_.extension);
    if (part == 0) return key;
    const std::string name = name_of(key);
    const std::string stem = stem_of(name);
    return fmt::format("{}/{}-part-{}{}", folder_of(key), stem, part, name.substr(stem.size()));
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

  Result<> close(Place place) {
    Writer writer = std::move(*place);
    by_key_.erase(writer.key);
    open_.erase(place);
    memory_ -= writer.memory;
    TRY(writer.encoder->finish());
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
  Spill spill_;
  size_t memory_ = 0;
  bool wrote_any_ = false;
};

/// Turns settings into a plan; every mistake goes to the problems.
class SinkBinder {
 public:
  SinkBinder(const std::vector<EncoderKind>& encoders, const SinkSettings& sink, const InputInfo& input,
             const BindContext& context, Problems& problems)
      : encoders_(encoders),
        name_(sink.name),
        settings_(*sink.settings),
        input_(input),
        context_(context),
        problems_(problems) {}

  BoundSink bind() {
    const SpecInfo& own = SinkConfig::spec().info();
    config_ = SinkConfig::spec().parse(settings_.is_map() ? settings_for(settings_, own) : settings_, problems_);
    const EncoderKind* encoder = config_.path.empty() ? nullptr : choose_encoder();
    std::vector<const SpecInfo*> specs;
    for (const EncoderKind& kind : encoders_) {
      if (encoder == nullptr || encoder == &kind) specs.push_back(kind.spec);
    }
    if (settings_.is_map()) check_spec_keys(merged_spec(own, specs), settings_, "files", problems_);
    check_path();
    pick_columns();
    if (encoder == nullptr) return {};
    plan_.encoder = *encoder;
    plan_.settings = settings_for(settings_, *encoder->spec);
    encoder->check(plan_.settings, plan_.written, problems_);
    if (!problems_.empty()) return {};
    return bound();
  }

 private:
  const Place& place(const char* name) const {
    const Node* node = settings_.find(name);
    return node ? node->place : settings_.place;
  }

  bool looks_like_folder() const {
    if (config_.path == "-") return false;
    if (config_.path.ends_with('/') || !config_.partition_by.empty()) return true;
    const std::string path = join_path(context_.folder, config_.path);
    if (const auto info = context_.env->exists(path) ? context_.env->info(path) : Result<FileInfo>(FileInfo{});
        info && info->is_directory)
      return true;
    return name_of(config_.path).find('.') == std::string::npos && config_.path.find(source_stem) == std::string::npos;
  }

  const EncoderKind* named(const std::string& name) const {
    const auto found =
        std::find_if(encoders_.begin(), encoders_.end(), [&](const EncoderKind& kind) { return kind.name == name; });
    return found == encoders_.end() ? nullptr : &*found;
  }

  const EncoderKind* choose_encoder() {
    plan_.is_folder = looks_like_folder();
    std::vector<std::string> names;
    for (const EncoderKind& kind : encoders_) names.push_back(kind.name);
    if (config_.format) {
      const EncoderKind* encoder = named(*config_.format);
      const std::string near = did_you_mean(*config_.format, names);
      if (encoder == nullptr) {
        problems_.add(place("format"), "unknown format `" + *config_.format + "`",
                      near.empty() ? "known here: " + joined(names, ", ") : "did you mean `" + near + "`?");
      }
      return encoder;
    }
    if (plan_.is_folder) return named("parquet");
    if (config_.path == "-") return named("csv");
    const std::string name = name_of(config_.path);
    const std::string extension = name.substr(std::min(name.rfind('.'), name.size() - 1) + 1);
    for (const EncoderKind& kind : encoders_) {
      if (std::find(kind.extensions.begin(), kind.extensions.end(), extension) != kind.extensions.end()) return &kind;
    }
    problems_.add(place("path"), "the extension of `" + name + "` names no format",
                  "say `format:`, one of " + joined(names, ", "));
    return nullptr;
  }

  void check_path() {
    for (size_t at = config_.path.find('{'); at != std::string::npos; at = config_.path.find('{', at + 1)) {
      if (config_.path.compare(at, source_stem.size(), source_stem) == 0) continue;
      const std::string found = config_.path.substr(at, config_.path.find('}', at) - at + 1);
      problems_.add(place("path"), "unknown placeholder " + found, "there is " + source_stem);
    }
    if (config_.path.find(source_stem) != config_.path.rfind(source_stem))
      problems_.add(place("path"), source_stem + " can stand in a path once");
    if (config_.open_files < 1) problems_.add(place("open_files"), "open_files must be at least 1");
    if (config_.partition_by.empty()) return;
    if (config_.path == "-")
      problems_.add(place("partition_by"), "standard output has no folders to put partitions into");
    const std::string name = name_of(config_.path);
    for (const EncoderKind& kind : encoders_) {
      for (const std::string& extension : kind.extensions) {
        if (name.ends_with("." + extension))
          problems_.add(place("path"), "partition_by needs a folder, and " + name + " is a file",
                        "name a folder: out/");
      }
    }
  }

  void pick_columns() {
    plan_.input = input_.schema;
    std::vector<std::string> names = input_.schema->field_names();
    std::set<int> taken;
    for (const std::string& name : config_.partition_by) {
      const int column = input_.schema->GetFieldIndex(name);
      const std::string near = did_you_mean(name, names);
      if (column < 0) {
        problems_.add(place("partition_by"), fmt::format("{} has no column `{}`", input_.name, name),
                      near.empty() ? "it has " + joined(names, ", ") : "did you mean `" + near + "`?");
      } else if (!names_folders(*input_.schema->field(column)->type())) {
        problems_.add(
            place("partition_by"),
            fmt::format("column {} cannot name folders: {}", name, type_name(*input_.schema->field(column)->type())),
            "take a column of plain values, made in a step before");
      } else if (!taken.insert(column).second) {
        problems_.add(place("partition_by"), "column " + name + " stands there twice");
      } else {
        plan_.partition_columns.push_back(column);
      }
    }
    arrow::FieldVector fields;
    for (int i = 0; i < input_.schema->num_fields(); ++i) {
      if (taken.contains(i) && !config_.keep_partition_columns) continue;
      plan_.written_columns.push_back(i);
      fields.push_back(input_.schema->field(i));
    }
    plan_.written = arrow::schema(std::move(fields));
    if (plan_.written_columns.empty() && !taken.empty()) {
      problems_.add(place("partition_by"), "no column is left to write",
                    "say `keep_partition_columns: true`, or partition by fewer");
    }
  }

  BoundSink bound() {
    plan_.path = join_path(context_.folder, config_.path);
    plan_.extension = plan_.encoder.extensions.front();
    plan_.memory = context_.memory.writers;
    plan_.threads = context_.lanes;
    plan_.env = context_.env;
    plan_.spill_folder = context_.state_folder + "/partitions/" + name_;
    const bool many = !plan_.partition_columns.empty() || plan_.path.find(source_stem) != std::string::npos;
    plan_.open_max = many ? static_cast<size_t>(config_.open_files) : 1;
    BoundSink out;
    out.if_exists = config_.if_exists;
    out.target = config_.path;
    out.owns = {plan_.path};
    out.notes.push_back(plan_.encoder.name + (plan_.is_folder ? " files in a folder" : ""));
    out.files = std::make_shared<FilesSink>(std::move(plan_));
    return out;
  }

  const std::vector<EncoderKind>& encoders_;
  const std::string name_;
  const Node& settings_;
  const InputInfo& input_;
  const BindContext& context_;
  Problems& problems_;
  SinkConfig config_;
  SinkPlan plan_;
};

}  // namespace

SinkKind files_sink(std::vector<EncoderKind> encoders) {
  std::vector<const SpecInfo*> specs;
  for (const EncoderKind& kind : encoders) specs.push_back(kind.spec);
  const auto spec = std::make_shared<const SpecInfo>(merged_spec(SinkConfig::spec().info(), specs));
  SinkKind kind;
  kind.spec = spec.get();
  kind.bind = [encoders = std::move(encoders), spec](const SinkSettings& sink, const InputInfo& input,
                                                     const BindContext& context,
                                                     Problems& problems) -> Result<BoundSink> {
    Problems found;
    BoundSink out = SinkBinder(encoders, sink, input, context, found).bind();
    problems.add(found);
    return out;
  };
  return kind;
}

}  // namespace trommel
