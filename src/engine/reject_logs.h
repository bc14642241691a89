// The reject logs of a pipeline that runs for long: small ones are put together, and those past a limit go.
//
// STATE/rejects/epoch-000007.jsonl           of one epoch
// STATE/rejects/epoch-000001-000900.jsonl    of the epochs from the first to the last; those of single epochs in
// between
//                                            are copies that a crash left
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "component/sink.h"
#include "config/pipeline.h"

namespace trommel {

struct RejectLogFile {
  std::string path;
  Epoch first = 0, last = 0;
  int64_t size = 0, modified_us = 0;
};
/// Oldest first; copies left out (and named in `copies`, if that is not null). No folder is no logs.
Result<std::vector<RejectLogFile>> reject_log_files(Env& env, const std::string& state_folder,
                                                    std::vector<std::string>* copies = nullptr);

class RejectLogs {
 public:
  using Say = std::function<void(const std::string&)>;
  RejectLogs(Env& env, std::string state_folder, RejectLogSettings settings)
      : env_(env), state_folder_(std::move(state_folder)), settings_(settings) {}

  /// After an epoch is done: now and then looks whether logs have to be put together or to go. `replayed` gives the ids
  /// of rejects that came back; `say` hears what went.
  Result<> tidy(const std::function<Result<std::set<std::string>>()>& replayed, const Say& say);

 private:
  Result<> put_together(const std::vector<RejectLogFile>& files);
  Result<> remove_old(const std::vector<RejectLogFile>& files,
                      const std::function<Result<std::set<std::string>>()>& replayed, const Say& say);

  Env& env_;
  const std::string state_folder_;
  const RejectLogSettings settings_;
  int64_t next_us_ = 0;  ///< by the steady clock
};

}  // namespace trommel
