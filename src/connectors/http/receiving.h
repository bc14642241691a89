// Receiving: a request's body on its way to a file. Forms are taken apart as they come; nothing is held in memory.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "connectors/http/uploads.h"
#include "server/routes.h"

namespace trommel {

/// Who takes the body, or why nobody does. `field` is the part of a form that is the file; empty: the first part with a
/// file name.
std::variant<server::Response, std::unique_ptr<server::BodySink>> receive_upload(
    Env& env, const std::shared_ptr<Uploads>& uploads, const std::string& field, const server::Request& request);

/// Where an upload's job is asked for: `/jobs/ID`.
std::string job_address(const std::string& id);
/// `GET /jobs/ID`: how an upload stands, as JSON or as events.
server::Response show_job(const std::shared_ptr<Uploads>& uploads, const std::string& id,
                          const server::Request& request);

}  // namespace trommel
