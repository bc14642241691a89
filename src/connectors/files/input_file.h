// What lies behind a path: a file, the files in an archive, or a pipe; and how its bytes are reached.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "batch/batch.h"
#include "component/codec.h"
#include "connectors/files/pipe.h"
#include "connectors/files/streams.h"

namespace trommel {

/// By its first bytes; the extension decides nothing.
Packing packing_of(Bytes head);

struct InputFile {
  FileInfo file;  ///< as it was found
  Packing packing = Packing::plain;
  std::optional<ZipMember> member;  ///< of a zip archive
  std::shared_ptr<Pipe> pipe;       ///< standard input and the like
  Split split;                  ///< id: name, size, time and content; so the same file is the same split in each run
  std::optional<Error> broken;  ///< why it cannot even be looked at
};

struct FindInputs {
  Env* env = nullptr;
  std::string folder;              ///< where relative patterns start
  std::string spool_folder;        ///< for pipes
  std::optional<Packing> packing;  ///< unless content shall tell
  std::map<std::string, std::vector<InputFile>>* pipes =
      nullptr;  ///< those met before, since a pipe is there only once
};

/// Every file behind a pattern, ordered by path. `archive.zip!*.csv` names members of an archive, `-` is standard
/// input. No match is an empty list.
Result<std::vector<InputFile>> find_inputs(const FindInputs& where, const std::string& pattern);

/// The splits of one file: itself, or the members of an archive. A file that is part of one unit has its path as unit.
Result<std::vector<InputFile>> look_into(const FindInputs& where, const FileInfo& file);
/// As the user would name it: from the pipeline's folder on where it lies there.
std::string shown_path(const std::string& path, const std::string& folder);

/// Unpacked bytes from `at` on.
Result<std::unique_ptr<InputStream>> open_input(Env& env, const InputFile& input, int64_t at);
/// For formats that jump about; packed files cannot.
Result<std::shared_ptr<RandomFile>> open_input_at_any_place(Env& env, const InputFile& input);

/// An external error if the file is no longer what `find_inputs` saw.
Result<> check_unchanged(Env& env, const InputFile& input);

/// The first bytes and, of plain files, some from places spread over it.
struct SampleSize {
  size_t head = 1 << 20;
  size_t whole = 4 << 20;  ///< files up to this size are taken whole; also the head of packed ones
  size_t pieces = 8;
  size_t piece = 256 << 10;
};
Result<Sample> take_sample(Env& env, const InputFile& input, const SampleSize& size);

}  // namespace trommel
