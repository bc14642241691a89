// What the routes of an upload source say of themselves in an OpenAPI document: operation objects, as JSON.
#pragma once

#include <string>

namespace trommel {

/// `POST` of files; `field` as in the settings.
std::string upload_operation(const std::string& source, const std::string& field);
/// `GET` of a job.
std::string job_operation(const std::string& source);

}  // namespace trommel
