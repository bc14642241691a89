// The settings of the files source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connectors/files/drop_folder.h"
#include "connectors/files/evolve.h"
#include "connectors/files/input_file.h"
#include "spec/spec.h"

namespace trommel {

/// Packing, and to be found out.
enum class Unpack { none, gzip, zip, zstd, bzip2, xz, lz4, automatic };
static_assert(static_cast<int>(Unpack::lz4) == static_cast<int>(Packing::lz4));

/// `same_content:`. What becomes of a file that holds what another one held.
enum class SameContent { take, skip };

/// `rejects:`. What else happens on a bad row than that it is refused.
struct FileRejects {
  std::optional<Path> whole_file;
  static const Spec<FileRejects>& spec();
};

struct FilesConfig {
  std::vector<std::string> path;
  std::optional<std::string> format;
  Unpack compression = Unpack::automatic;
  bool watch = false;
  After after = After::keep;
  std::optional<Path> move_to;
  std::optional<Duration> settle;
  SameContent same_content = SameContent::take;
  Duration remember{int64_t{7} * 86'400'000'000};
  FileRejects rejects;
  std::optional<Evolve> evolve;

  static const Spec<FilesConfig>& spec();
  std::optional<Packing> packing() const;
};

}  // namespace trommel
