// Receiving: a request's body on its way to a file. Forms are taken apart as they come; nothing is held in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "connectors/http/uploads.h"
#include "server/routes.h"

namespace trommel {

struct ReceivingSettings {
  std::string field;  ///< of a form: the part that is the file; empty: the first part with a file name
  std::string jobs;   ///< what stands before an id in a job's address
};

/// Who takes the body, or why nobody does.
std::variant<server::Response, std::unique_ptr<server::BodySink>> receive_upload(
    Env& env, const std::shared_ptr<Uploads>& uploads, const ReceivingSettings& settings,
    const server::Request& request);

/// `GET /jobs/ID`: how an upload stands, as JSON or as events.
server::Response show_job(const std::shared_ptr<Uploads>& uploads, const std::string& id,
                          const server::Request& request);

}  // namespace trommel
