// The only thing that a component hands rows to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "batch/batch.h"

namespace trommel {

/// A row that was refused. `code` groups (`cast`, `ragged`, `required`, `max`), `reason` is a sentence with the values.
struct Refusal {
  int64_t row = 0;  ///< its index in the Batch at hand
  std::string code;
  std::string column;  ///< empty when no single column is to blame
  std::string value;   ///< as text
  std::string reason;
};

/// Bytes that never became a row.
struct RawRefusal {
  int64_t offset = 0;  ///< from the start of the block
  int64_t length = 0;  ///< bytes of the raw record, its line end left out
  std::string code, column, value, reason;
};

/// A value that does not fit a type which was only guessed: the run starts over with a type that holds both.
struct Misfit {
  std::string column;
  std::string value;
  Position position = 0;
};

/// Counts, stamps the stage and knows the epoch; those who call it know none of that.
/// Every row that came in must be accounted for by one of these calls, or the balance sheet breaks and the run fails.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void emit(Batch batch) = 0;
  virtual void reject(const Batch& batch, std::span<const Refusal> refusals) = 0;
  virtual void reject(const Block& block, std::span<const RawRefusal> refusals) = 0;
  virtual void filtered(int64_t rows) = 0;             ///< left out by a condition
  virtual void deduplicated(int64_t rows) = 0;         ///< equal to a row that was kept
  virtual void expanded(int64_t rows) = 0;             ///< rows more than came in (a lookup that multiplies, unnest)
  virtual void combined(int64_t in, int64_t out) = 0;  ///< `in` rows became `out` others (an aggregate)
  virtual void misfit(const Block& block, Misfit misfit) = 0;  ///< decoders only
  virtual void warn(const std::string& /*text*/) {}            ///< something that people should look at; no row is lost
};

}  // namespace trommel
