// Uploads: all that have come and are not over, and those that were answered a while ago; in memory and on disk.
//
// FOLDER/ID.body         arrives, packed as a whole around a form
// FOLDER/ID.part         arrives
// FOLDER/ID.data         is whole
// FOLDER/ID.json         and lasts: what is known of it (written after its data, so where it is, the data is)
// FOLDER/ID.answer.json  what its sender was told, or will be; from then on the two above are of no use
//
// An upload lasts over a crash when its sender was told that it was accepted (`respond-async`), or can ask for it again
// (`Idempotency-Key`). Any other one has a sender who sees the connection break and knows that nothing is certain:
// unless its epoch was saved, it is dropped.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "connectors/http/upload.h"

namespace trommel {

class Uploads {
 public:
  struct Settings {
    std::string folder;
    std::string id_prefix;               ///< of the source: ids of two never meet
    int64_t quota_bytes = 0;             ///< on disk, all together
    int64_t remember_us = 0;             ///< how long answers are kept
    std::function<void()> wake = [] {};  ///< called once an upload is ready for its epoch
    int64_t gather_us = 100'000;         ///< uploads that end within it share an epoch, while others arrive
  };
  Uploads(Env& env, Settings settings) : env_(env), settings_(std::move(settings)) {}

  /// Reads what an earlier run left, once. Nothing is changed by it.
  Result<> load();
  /// Takes possession: makes the folder, removes what a crash left of uploads that do not last. Requests may come.
  Result<> open();
  /// Nobody is answered by this run any more: who waits hears so.
  void close();

  // ---- while one arrives; any thread

  /// What is known of a key: nothing (it is now this upload's), under way, or answered.
  struct KeyState {
    enum class What { fresh, running, answered } what = What::fresh;
    std::string id;
  };
  /// Gives the upload its id, and adds it. Not added where its key is known.
  KeyState begin(const std::shared_ptr<Upload>& upload);
  bool accepts() const;
  /// False: no room for so many bytes more.
  bool reserve(int64_t bytes);
  void give_back(int64_t bytes) { reserved_ -= bytes; }
  std::string path(const std::string& id, const char* what) const;
  /// Its bytes lie in ID.part: it waits for its epoch from now on, and outlives a crash if it has to. False: this run
  /// publishes no more.
  Result<bool> complete(const std::shared_ptr<Upload>& upload);
  /// It broke off: nothing of it stays.
  void give_up(const Upload& upload);

  // ---- for its epoch; the engine's threads

  /// Those that are whole, in the order they came.
  std::vector<std::shared_ptr<Upload>> ready();
  std::shared_ptr<Upload> find(const std::string& id) const;
  /// Answers them, durably where they last. May come twice.
  Result<> durable(const Delivered& delivered);
  /// Will not be read by this run.
  void release(const std::string& id);

  // ---- afterwards

  Result<std::optional<Answered>> answered(const std::string& id) const;

 private:
  struct Kept {
    std::string key;
    int64_t at_us = 0;
  };
  Result<> load_answer(const std::string& path);
  Result<> load_upload(const std::string& path);
  Result<> keep_answer(const Upload& upload, const Answer& answer);
  void forget_old();
  std::string new_id() const;

  Env& env_;
  const Settings settings_;
  std::atomic<int64_t> reserved_{0};
  mutable std::mutex mutex_;  ///< of what follows
  bool loaded_ = false, open_ = false;
  std::map<std::string, std::shared_ptr<Upload>> uploads_;  ///< by id; not the answered ones
  std::vector<std::string> order_;                          ///< of those that are whole
  std::map<std::string, std::string> keys_;                 ///< to ids
  std::map<std::string, Kept> answered_;                    ///< by id
  int64_t first_ready_us_ = 0;                              ///< by the steady clock; 0: none waits for others
  int64_t forgot_us_ = 0;
};

}  // namespace trommel
