// Data in Avro's binary form to rows. A datum that cannot be read costs one row: the columns stand as they stood before
// it. No byte behind those given is ever read, whatever they say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "avro/program.h"
#include "batch/batch.h"

namespace trommel::avro {

/// Why a datum is no row.
struct DatumRefusal {
  size_t at = 0;       ///< byte of the datum where it went wrong
  std::string column;  ///< `address.street`; empty: the whole
  std::string reason;  ///< with the byte and what was expected there
  /// The bytes are those of a datum of the writer's schema, but its values are none of the reader's: what follows it
  /// can be found.
  bool skippable = false;
};

class ColumnSet;

/// Rows of one reader; data may come from many writers. One thread at a time.
class DatumDecoder {
 public:
  explicit DatumDecoder(std::shared_ptr<const Layout> layout);
  ~DatumDecoder();

  /// Takes the datum at the start of `bytes` as one more row, and returns how many bytes it has. Nothing: refused. The
  /// program is one for this decoder's layout.
  std::optional<size_t> add(const Program& program, Bytes bytes);
  /// Why the last datum was refused.
  const DatumRefusal& refusal() const { return refusal_; }

  int64_t rows() const { return rows_; }
  /// Forgets rows from `rows` on.
  void truncate(int64_t rows);
  /// Bytes that the columns take.
  size_t memory() const;
  /// The rows so far; none are left.
  Rows finish();

 private:
  std::unique_ptr<ColumnSet> columns_;
  int64_t rows_ = 0;
  DatumRefusal refusal_;
};

/// How many bytes the datum at the start of `bytes` has, whatever it holds; nothing where it is broken.
std::optional<size_t> datum_size(const Program& program, Bytes bytes);

}  // namespace trommel::avro
