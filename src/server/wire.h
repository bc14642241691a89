// The text of HTTP messages: what a parsed header has to be, and the head of an answer. RFC 9112.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/message.h"

namespace trommel::server {

/// Fills path and parameters from the target, and says what makes a header wrong that could be parsed all the same.
/// `version` is 10 or 11.
std::optional<Response> header_mistake(Request& request, int version);

struct AnswerForm {
  bool keeps = false;    ///< another request may follow
  bool chunked = false;  ///< its length is not known
  std::string id;        ///< of the request
  int64_t now_us = 0;
};
/// Status line and fields, with the empty line behind them.
std::string head_of(const Response& response, const AnswerForm& form);

/// Whether an answer of this status has no body, and says no length of one.
bool has_no_body(int status);

}  // namespace trommel::server
