#include "connectors/files/sink_plan.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "batch/types.h"
#include "connectors/files/pack.h"
#include "connectors/files/partition.h"
#include "spec/merge.h"

namespace trommel {

template <>
struct EnumNames<IfExists> {
  static constexpr EnumName<IfExists> list[] = {
      {"number", IfExists::number}, {"replace", IfExists::replace}, {"error", IfExists::error}};
};

namespace {

/// `compression:` of formats that are packed as a whole.
enum class Pack { none, gzip, zstd };

}  // namespace

template <>
struct EnumNames<Pack> {
  static constexpr EnumName<Pack> list[] = {{"none", Pack::none}, {"gzip", Pack::gzip}, {"zstd", Pack::zstd}};
};

namespace {

struct PackConfig {
  std::optional<Pack> compression;
  std::optional<int64_t> compression_level;

  static const Spec<PackConfig>& spec() {
    static const auto spec =
        Spec<PackConfig>("text", "Packs files of text as they are written")
            .field(
                "compression", &PackConfig::compression,
                "how a csv or json file is packed; left out: what the path's extension says (`.csv.gz`, `.json.zst`)")
            .field("compression_level", &PackConfig::compression_level,
                   "1 to 22 for zstd (3 when left out), 1 to 9 for gzip (3; from 4 on smaller and much slower)");
    return spec;
  }
};

struct SinkConfig {
  std::string path;
  std::optional<std::string> format;
  std::vector<std::string> partition_by;
  bool keep_partition_columns = false;
  IfExists if_exists = IfExists::number;
  int64_t open_files = 64;
  std::optional<int64_t> max_rows;
  std::optional<ByteSize> max_size;

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
            .field("max_rows", &SinkConfig::max_rows, "rows of a file at most; then the next one begins",
                   {.example = "1000000"})
            .field("max_size", &SinkConfig::max_size,
                   "a file that has grown to this size ends, and the next one begins", {.example = "256MB"})
            .scalar_is("path");
    return spec;
  }
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

  std::optional<PlannedSink> bind() {
    const SpecInfo& own = SinkConfig::spec().info();
    config_ = SinkConfig::spec().parse(settings_.is_map() ? settings_for(settings_, own) : settings_, problems_);
    const EncoderKind* encoder = config_.path.empty() ? nullptr : choose_encoder();
    std::vector<const SpecInfo*> specs;
    for (const EncoderKind& kind : encoders_) {
      if (encoder == nullptr || encoder == &kind) specs.push_back(kind.spec);
    }
    if (encoder == nullptr || encoder->packable) specs.push_back(&PackConfig::spec().info());
    if (settings_.is_map()) check_spec_keys(merged_spec(own, specs), settings_, "files", problems_);
    check_path();
    check_limits();
    pick_columns();
    if (encoder == nullptr) return std::nullopt;
    choose_packing(*encoder);
    plan_.encoder = *encoder;
    plan_.settings = settings_for(settings_, *encoder->spec);
    encoder->check(plan_.settings, plan_.written, problems_);
    if (!problems_.empty()) return std::nullopt;
    return planned();
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
    const std::string bare = pack_of(name) == Pack::none ? name : stem_of(name);
    const std::string extension = bare.substr(std::min(bare.rfind('.'), bare.size() - 1) + 1);
    for (const EncoderKind& kind : encoders_) {
      if (std::find(kind.extensions.begin(), kind.extensions.end(), extension) != kind.extensions.end()) return &kind;
    }
    problems_.add(place("path"), "the extension of `" + name + "` names no format",
                  "say `format:`, one of " + joined(names, ", "));
    return nullptr;
  }

  static Pack pack_of(const std::string& name) {
    return name.ends_with(".gz") ? Pack::gzip : name.ends_with(".zst") ? Pack::zstd : Pack::none;
  }

  /// By the setting or the path's extension, which must not say different things: whoever opens the file goes by its
  /// name.
  void choose_packing(const EncoderKind& encoder) {
    const Pack by_name = plan_.is_folder ? Pack::none : pack_of(name_of(config_.path));
    if (!encoder.packable) {
      if (by_name != Pack::none)
        problems_.add(place("path"), encoder.name + " is not packed as a whole", "leave out the last extension");
      return;
    }
    const Node own = settings_for(settings_, PackConfig::spec().info());
    const PackConfig config = settings_.is_map() ? PackConfig::spec().parse(own, problems_) : PackConfig{};
    const Pack pack = config.compression.value_or(by_name);
    const char* extension = pack == Pack::gzip ? ".gz" : pack == Pack::zstd ? ".zst" : "";
    if (!plan_.is_folder && config_.path != "-" && pack != by_name) {
      const std::string name = name_of(config_.path);
      problems_.add(place("compression"), "`" + name + "` does not say what `compression` says",
                    "name it " + (by_name == Pack::none ? name : stem_of(name)) + extension);
    }
    plan_.extension = extension;
    if (pack == Pack::none) {
      if (config.compression_level)
        problems_.add(place("compression_level"), "nothing is packed", "say `compression:`");
      return;
    }
    plan_.packing = pack == Pack::gzip ? Packing::gzip : Packing::zstd;
    const PackLevels levels = pack_levels(plan_.packing);
    plan_.pack_level = static_cast<int>(config.compression_level.value_or(levels.usual));
    if (plan_.pack_level < 1 || plan_.pack_level > levels.most) {
      problems_.add(place("compression_level"), fmt::format("compression_level is out of range: {}", plan_.pack_level),
                    fmt::format("1 to {}", levels.most));
    }
  }

  void check_limits() {
    if (config_.max_rows && *config_.max_rows < 1) problems_.add(place("max_rows"), "max_rows must be at least 1");
    if (config_.max_size && config_.max_size->bytes < 1)
      problems_.add(place("max_size"), "max_size must be at least 1");
    if (config_.path == "-" && (config_.max_rows || config_.max_size))
      problems_.add(place(config_.max_rows ? "max_rows" : "max_size"), "standard output is one file");
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
        if (name.ends_with("." + extension) || name.ends_with("." + extension + ".gz") ||
            name.ends_with("." + extension + ".zst"))
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

  PlannedSink planned() {
    plan_.path = join_path(context_.folder, config_.path);
    plan_.extension = plan_.encoder.extensions.front() + plan_.extension;
    plan_.max_rows = config_.max_rows.value_or(0);
    plan_.max_bytes = config_.max_size ? config_.max_size->bytes : 0;
    plan_.memory = context_.memory.writers;
    plan_.threads = context_.lanes;
    plan_.env = context_.env;
    plan_.spill_folder = context_.state_folder + "/partitions/" + name_;
    plan_.by_input = plan_.path.find(source_stem) != std::string::npos;
    const bool many = !plan_.partition_columns.empty() || plan_.by_input;
    plan_.open_max = many ? static_cast<size_t>(config_.open_files) : 1;
    BoundSink out;
    out.if_exists = config_.if_exists;
    out.target = config_.path;
    out.owns = {plan_.path};
    out.by_input = plan_.by_input;
    out.repeatable = plan_.by_input && config_.if_exists == IfExists::replace;
    out.repeatable_hint =
        "name its files after their inputs, path: out/{source_stem}.parquet, and write if_exists: replace";
    const char* packed = plan_.packing == Packing::gzip ? ", gzip" : plan_.packing == Packing::zstd ? ", zstd" : "";
    out.notes.push_back(plan_.encoder.name + packed + (plan_.is_folder ? " files in a folder" : ""));
    return {std::move(plan_), std::move(out)};
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

std::shared_ptr<const SpecInfo> sink_spec(const std::vector<EncoderKind>& encoders) {
  std::vector<const SpecInfo*> specs;
  for (const EncoderKind& kind : encoders) specs.push_back(kind.spec);
  specs.push_back(&PackConfig::spec().info());
  return std::make_shared<const SpecInfo>(merged_spec(SinkConfig::spec().info(), specs));
}

std::optional<PlannedSink> plan_sink(const std::vector<EncoderKind>& encoders, const SinkSettings& sink,
                                     const InputInfo& input, const BindContext& context, Problems& problems) {
  return SinkBinder(encoders, sink, input, context, problems).bind();
}

}  // namespace trommel
