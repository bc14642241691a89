// One upload: a file that came over HTTP, what is known of it, and what its sender is told.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "component/source.h"
#include "connectors/files/streams.h"
#include "server/message.h"
#include "server/routes.h"

namespace trommel {

struct Upload {
  enum class State {
    arriving,
    waiting,  ///< whole, for its epoch
    reading,
    done,  ///< published, or refused
  };

  // Known from its beginning.
  std::string id;                  ///< never given again
  std::string token;               ///< that brought it; empty: there are none
  std::string key;                 ///< scope and text of its Idempotency-Key; empty: it has none
  bool later = false;              ///< the sender does not wait: `Prefer: respond-async`
  int64_t begun_us = 0;            ///< since 1970
  std::optional<Packing> packing;  ///< of the whole, as `Content-Encoding` said; nothing: its bytes tell

  // Known once it is whole; while it arrives, of the thread that receives it alone.
  std::string name;     ///< of the file, as its sender calls it
  int64_t bytes = 0;    ///< as they lie on disk
  std::string content;  ///< hash of them, where there is a key to compare it for

  std::optional<server::Reply> reply;  ///< who waits

  std::atomic<State> state{State::arriving};
  std::atomic<int64_t> arrived{0};  ///< bytes
  std::atomic<int64_t> read{0};     ///< bytes of them that were read

  /// It outlives a crash: somebody was told that it was accepted, or will ask for it again by its key.
  bool lasts() const { return later || !key.empty(); }
};

/// What a `Content-Encoding` names (RFC 9110 section 8.4). No packing: the body is as it is; nothing: none that is
/// known.
std::optional<std::optional<Packing>> body_packing(std::string_view encoding);

/// What the sender gets once nothing can change any more.
struct Answer {
  int status = 200;
  std::string body;  ///< JSON
};

/// The balance of an upload, and its bad rows; of one that was refused, a problem (RFC 9457).
Answer answer_of(const Upload& upload, const Delivered& delivered, int64_t now_us);
server::Response response_of(const Answer& answer);

/// Where it stands, for `GET /jobs/ID`: `answer` once there is one.
std::string job_text(const Upload& upload, const Answer* answer);

/// What is written beside an upload that lasts, and read back.
std::string upload_text(const Upload& upload);
Result<> parse_upload(std::string_view text, const std::string& where, Upload& upload);
/// What is left of it once it is done.
std::string answered_text(const Upload& upload, const Answer& answer, int64_t at_us);
struct Answered {
  std::string id, token, key, content, name;
  int64_t bytes = 0, at_us = 0;
  Answer answer;
};
Result<Answered> parse_answered(std::string_view text, const std::string& where);

}  // namespace trommel
