// Formats of files: what connectors that move bytes (files, uploads, object stores) share. One folder a format under
// src/codecs/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"
#include "component/outlet.h"
#include "component/sink.h"
#include "component/source.h"
#include "config/contract.h"
#include "spec/spec.h"

namespace trommel {

/// One file (or member of an archive) as a format sees it when it looks for the first time.
struct Sample {
  std::string name;                 ///< for people
  std::vector<std::string> pieces;  ///< bytes from its start, and (plain files only) from places spread over it; the
                                    ///< first begins at byte 0, the others begin and end anywhere
  bool whole = false;               ///< the first piece is all there is
  int64_t size = -1;                ///< of the decompressed bytes, where known
};

/// A file, understood: its columns, and how its bytes are cut and decoded. One a split, since each file may have a
/// dialect of its own.
class FileFormat {
 public:
  virtual ~FileFormat() = default;
  virtual Schema schema() const = 0;                   ///< of the file's own columns, as guessed or stored
  virtual std::vector<std::string> notes() const = 0;  ///< the guesses and why
  virtual std::vector<std::string> null_markers() const { return {}; }  ///< as in Source
  /// Reads the split from `at`. Streams take `stream` (already decompressed, standing at byte `at`); columnar formats
  /// take `random`.
  virtual Result<std::unique_ptr<Reader>> open(std::shared_ptr<const Split> split, std::unique_ptr<InputStream> stream,
                                               std::shared_ptr<RandomFile> random, Position at,
                                               int64_t block_bytes) = 0;
  /// Whether position `at` is byte `at` of the split's (decompressed) bytes. Otherwise (text that is transcoded as it
  /// is read) `open` gets a stream that stands at byte 0 whatever `at` is.
  virtual bool positions_are_bytes() const { return true; }
  /// Whether any column can be had as text, a list or struct too (as JSON).
  virtual bool all_as_text() const { return false; }
  /// From here on decoded rows have this schema: columns matched to the file's by `from_column` (index in the file, -1:
  /// missing, NULL). `guessed` as in Source.
  virtual Result<> target(const Schema& rows, const std::vector<int>& from_column,
                          const std::optional<Contract>& contract, bool guessed) = 0;
  /// Looks at every row and widens its guesses until they hold all values. `stream` stands at byte 0.
  virtual Result<> widen(std::unique_ptr<InputStream>) { return {}; }
};

struct FormatKind {
  std::string name;                     ///< csv, parquet
  std::vector<std::string> extensions;  ///< without dot, lower case
  const SpecInfo* spec = nullptr;       ///< settings that stand in `files:` beside `path`
  bool needs_random = false;            ///< cannot be read from a stream
  /// How sure the bytes are of this format, 0..100 (magic numbers 100).
  std::function<int(const Sample&)> recognise;
  /// Looks at a sample. `contract` gives names and types where there is one: then nothing is guessed but the dialect.
  std::function<Result<std::shared_ptr<FileFormat>>(const Sample&, std::shared_ptr<RandomFile>, const Node& settings,
                                                    const std::optional<Contract>&, Problems&)>
      look;
  /// The same file as `facts` of one of its decoders tell of it, to read single records of it again. Null: the format
  /// cannot.
  std::function<Result<RecalledFormat>(const std::string& facts, const Schema& rows, const Node& settings,
                                       const std::optional<Contract>&)>
      recall;
};

/// Rows to the bytes of one file.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual Result<> write(const arrow::RecordBatch& rows) = 0;
  virtual Result<> finish() = 0;      ///< footer; the file stays open for its owner to close
  virtual int64_t rows() const = 0;   ///< rows that lie in the file, counted by the writer itself
  virtual size_t memory() const = 0;  ///< bytes buffered and not yet in the file
  /// Writes what is buffered, where that changes nothing about the file: then its size is known.
  virtual Result<> flush() { return {}; }
};

struct EncoderKind {
  std::string name;  ///< parquet, csv, json
  std::vector<std::string> extensions;
  const SpecInfo* spec = nullptr;
  bool packable = false;  ///< text: a file of it may be packed as a whole (`.csv.gz`)
  /// `threads` is how many the encoder may use for itself (1: none beside the caller). `memory` is its share in bytes.
  std::function<Result<std::unique_ptr<Encoder>>(OutputStream&, const Schema&, const Node& settings, int threads,
                                                 int64_t memory)>
      open;
  /// Checks the settings at bind time.
  std::function<void(const Node& settings, const Schema&, Problems&)> check;
};

}  // namespace trommel
