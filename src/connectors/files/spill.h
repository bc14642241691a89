// Rows of many partitions, set aside on disk until each can be written as a whole.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "batch/batch.h"

namespace trommel {

/// One file below `folder`, taken away at the end; what an earlier run left there goes when the first rows come.
class Spill {
 public:
  Spill(Env& env, std::string folder, Schema schema)
      : env_(env), folder_(std::move(folder)), schema_(std::move(schema)) {}
  ~Spill() { clear(); }
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  Result<> add(const std::string& key, const arrow::RecordBatch& rows);
  bool has(const std::string& key) const { return pieces_.contains(key); }
  std::vector<std::string> keys() const;
  /// Rows of a key in the order in which they were added, a batch for each `add`.
  size_t count(const std::string& key) const;
  Result<Rows> read(const std::string& key, size_t index);
  void clear();

 private:
  struct Piece {
    int64_t offset;
    int64_t size;
  };
  Env& env_;
  const std::string folder_;
  const Schema schema_;
  std::unique_ptr<OutputStream> out_;
  std::unique_ptr<RandomFile> in_;
  int64_t written_ = 0;
  std::map<std::string, std::vector<Piece>> pieces_;

  std::string path() const { return folder_ + "/rows"; }
};

}  // namespace trommel
