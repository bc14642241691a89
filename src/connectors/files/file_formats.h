// The formats that a source knows its files by: which one a file has, what is in it, and readers of it. Shared by
// sources whose inputs are files at last: dropped, or uploaded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "component/codec.h"
#include "component/component.h"
#include "connectors/files/input_file.h"
#include "spec/merge.h"

namespace trommel {

inline constexpr SampleSize light_sample = {64 << 10, 64 << 10, 2, 32 << 10};

class FileFormats {
 public:
  /// `format` as the settings say it; left out, each file tells. `settings` hold those of the formats too.
  FileFormats(Env& env, std::vector<FormatKind> kinds, std::optional<std::string> format, Node settings)
      : env_(env), kinds_(std::move(kinds)), format_(std::move(format)), settings_(std::move(settings)) {}

  const FormatKind* named(const std::string& name) const;
  /// Whether `format` is one; else the problem.
  bool check(Problems& problems) const;
  /// Of those that a file may have.
  std::vector<const SpecInfo*> specs() const;

  Result<const FormatKind*> kind_of(const InputFile& input) const;
  Result<std::shared_ptr<FileFormat>> look(const FormatKind& kind, const InputFile& input, const SampleSize& size,
                                           const std::optional<Contract>& contract, Problems& problems) const;
  Result<std::unique_ptr<Reader>> open(const FormatKind& kind, FileFormat& format, const InputFile& input,
                                       std::shared_ptr<const Split> split, Position at, int64_t block_bytes) const;
  Result<RecalledFormat> recall(const std::string& facts, const Schema& rows,
                                const std::optional<Contract>& contract) const;

 private:
  Env& env_;
  const std::vector<FormatKind> kinds_;
  const std::optional<std::string> format_;
  const Node settings_;
};

/// What a source of files is bound with; `settings` hold its own and those of its formats.
struct FileSourceSettings {
  const std::vector<FormatKind>& formats;
  const Node& settings;
  const std::optional<Contract>& contract;
  const BindContext& context;
};

/// A source whose settings stand beside those of its formats. `make` gives none where the settings hold mistakes, those
/// that were found before it and its own.
template <class Config>
SourceKind source_of_files(std::vector<FormatKind> formats,
                           Result<std::shared_ptr<Source>> (*make)(Config, const FileSourceSettings&,
                                                                   Problems& found)) {
  const SpecInfo& own = Config::spec().info();
  std::vector<const SpecInfo*> specs;
  for (const FormatKind& kind : formats) specs.push_back(kind.spec);
  const auto spec = std::make_shared<const SpecInfo>(merged_spec(own, specs));
  SourceKind kind;
  kind.spec = spec.get();
  kind.bind = [formats = std::move(formats), spec, make, &own](
                  const Node& settings, const std::optional<Contract>& contract, const BindContext& context,
                  Problems& problems) -> Result<std::shared_ptr<Source>> {
    Problems found;
    Config config = Config::spec().parse(settings.is_map() ? settings_for(settings, own) : settings, found);
    ASSIGN(auto source, make(std::move(config), {formats, settings, contract, context}, found));
    if (!source && settings.is_map()) check_spec_keys(*spec, settings, own.name, found);
    problems.add(found);
    return found.empty() ? source : nullptr;
  };
  return kind;
}

}  // namespace trommel
