#include "connectors/files/file_formats.h"

#include <algorithm>

#include "base/json.h"
#include "spec/merge.h"

namespace trommel {

namespace {

constexpr int content_is_clear = 80;  ///< from this certainty on the bytes decide and not the extension

std::string extension_of(const std::string& name) {
  std::string file = name_of(name.substr(name.rfind('!') + 1));
  for (const std::string_view packed : {".gz", ".zst", ".bz2", ".xz", ".lz4"}) {
    if (file.ends_with(packed)) file.resize(file.size() - packed.size());
  }
  const size_t dot = file.rfind('.');
  std::string extension = dot == std::string::npos ? "" : file.substr(dot + 1);
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return extension;
}

}  // namespace

const FormatKind* FileFormats::named(const std::string& name) const {
  const auto found =
      std::find_if(kinds_.begin(), kinds_.end(), [&](const FormatKind& kind) { return kind.name == name; });
  return found == kinds_.end() ? nullptr : &*found;
}

bool FileFormats::check(Problems& problems) const {
  if (!format_ || named(*format_) != nullptr) return true;
  std::vector<std::string> names;
  for (const FormatKind& kind : kinds_) names.push_back(kind.name);
  const std::string near = did_you_mean(*format_, names);
  const Node* node = settings_.find("format");
  problems.add(node ? node->place : settings_.place, "unknown format `" + *format_ + "`",
               near.empty() ? "known here: " + joined(names, ", ") : "did you mean `" + near + "`?");
  return false;
}

std::vector<const SpecInfo*> FileFormats::specs() const {
  std::vector<const SpecInfo*> specs;
  for (const FormatKind& kind : kinds_) {
    if (!format_ || *format_ == kind.name) specs.push_back(kind.spec);
  }
  return specs;
}

Result<const FormatKind*> FileFormats::kind_of(const InputFile& input) const {
  if (format_) return named(*format_);
  SampleSize head = light_sample;
  head.pieces = 0;
  ASSIGN(const Sample sample, take_sample(env_, input, head));
  const std::string extension = extension_of(sample.name);
  int best = 0;
  const FormatKind* by_content = nullptr;
  const FormatKind* by_extension = nullptr;
  for (const FormatKind& kind : kinds_) {
    const auto& extensions = kind.extensions;
    if (!by_extension && std::find(extensions.begin(), extensions.end(), extension) != extensions.end())
      by_extension = &kind;
    const int sure = kind.recognise(sample);
    if (sure > best) {
      best = sure;
      by_content = &kind;
    }
  }
  if (best < content_is_clear && by_extension) return by_extension;
  if (by_content) return by_content;
  // An empty file of no known name has no content to go by either; a format for text reads it as no rows.
  if (sample.whole && sample.pieces.front().empty()) return &kinds_.front();
  return config_error(sample.name, "neither its bytes nor its name tell what it holds", "say `format:`");
}

Result<std::shared_ptr<FileFormat>> FileFormats::look(const FormatKind& kind, const InputFile& input,
                                                      const SampleSize& size, const std::optional<Contract>& contract,
                                                      Problems& problems) const {
  ASSIGN(const Sample sample, take_sample(env_, input, size));
  std::shared_ptr<RandomFile> random;
  if (kind.needs_random) {
    ASSIGN(random, open_input_at_any_place(env_, input));
  }
  return kind.look(sample, random, settings_for(settings_, *kind.spec), contract, problems);
}

Result<std::unique_ptr<Reader>> FileFormats::open(const FormatKind& kind, FileFormat& format, const InputFile& input,
                                                  std::shared_ptr<const Split> split, Position at,
                                                  int64_t block_bytes) const {
  std::unique_ptr<InputStream> stream;
  std::shared_ptr<RandomFile> random;
  if (kind.needs_random) {
    ASSIGN(random, open_input_at_any_place(env_, input));
  } else {
    ASSIGN(stream, open_input(env_, input, format.positions_are_bytes() ? at : 0));
  }
  return format.open(std::move(split), std::move(stream), std::move(random), at, block_bytes);
}

Result<RecalledFormat> FileFormats::recall(const std::string& facts, const Schema& rows,
                                           const std::optional<Contract>& contract) const {
  ASSIGN(const Json known, parse_json(facts, "what is known of the file of a reject"));
  const std::string format = known.value("format", "");
  const FormatKind* kind = named(format);
  if (kind == nullptr || !kind->recall) return config_error(format, "single records of it cannot be read again");
  return kind->recall(facts, rows, settings_for(settings_, *kind->spec), contract);
}

}  // namespace trommel
