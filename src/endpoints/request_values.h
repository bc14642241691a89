// What a request says, as typed values: filters, parameters, the page. Every mistake of a request at once, each with
// the parameter's name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "endpoints/endpoint.h"
#include "server/message.h"

namespace trommel::endpoints {

struct ParameterMistake {
  std::string parameter, detail;
};

using Value = std::shared_ptr<arrow::Array>;  ///< of one row; null: NULL

/// The text as a value of the type; null: it is none. Of times: a zone may be named, and is taken into account; none
/// means UTC.
Value value_of(const std::string& text, const Type& type);

/// A value that a filter compares with. A date alone for a column of times is all of that day: from `value` up to but
/// not including `end`.
struct Compared {
  Value value;
  Value end;  ///< null: `value` is a moment
};

struct GivenFilter {
  const Filter* filter = nullptr;
  std::vector<Compared> values;  ///< several with `in` alone
};

struct GivenPage {
  int64_t number = 1, size = 0;
  std::optional<std::string> cursor;  ///< empty: the first page
};

struct RequestValues {
  std::vector<GivenFilter> filters;                                    ///< those that the request has
  std::vector<std::pair<const EndpointParameter*, Value>> parameters;  ///< all
  std::optional<GivenPage> page;
};

/// `mistakes` empty: the values are good.
RequestValues read_request(const BoundEndpoint& endpoint, const server::Request& request,
                           std::vector<ParameterMistake>& mistakes);

inline constexpr int64_t page_number_max = 1'000'000'000;

}  // namespace trommel::endpoints
