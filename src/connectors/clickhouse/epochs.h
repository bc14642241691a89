// What a database knows of the epochs that were written to it: the table `_trommel_epochs`.
//
// It has a row for each sink's last epoch, and one that says under which generation of tokens an epoch was sent last
// (see sink.cc). Older rows go by themselves.
#pragma once

#include <cstdint>
#include <string>

#include "component/sink.h"
#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

struct EpochRecord {
  Epoch last = 0;          ///< committed; 0: none
  int64_t rows = 0;        ///< of it
  int64_t generation = 0;  ///< of the tokens of `asked`
};

class Epochs {
 public:
  Epochs(std::string pipeline, std::string sink) : pipeline_(std::move(pipeline)), sink_(std::move(sink)) {}

  Result<> make(Client& client, const Engine& engine) const;
  /// What is known before `asked` is sent. A database without the table knows nothing.
  Result<EpochRecord> read(Client& client, Epoch asked) const;
  Result<> write_committed(Client& client, Epoch epoch, int64_t rows) const;
  Result<> write_generation(Client& client, Epoch epoch, int64_t generation) const;

  /// What stands in `mark_column` of an epoch's rows: the epoch above 28 bits that tell sinks apart. It rises, so that
  /// an index of lowest and highest values finds the newest.
  uint64_t mark(Epoch epoch) const;
  /// What tells this sink's things from another's: 16 hexadecimal digits.
  std::string key() const;
  const std::string& pipeline() const { return pipeline_; }
  const std::string& sink() const { return sink_; }

 private:
  Result<> write(Client& client, Epoch epoch, bool committed, int64_t generation, int64_t rows) const;

  const std::string pipeline_, sink_;
};

}  // namespace trommel::clickhouse
