// A request to an endpoint, answered: a function of the request and of what the store holds.
#pragma once

#include "endpoints/endpoint.h"
#include "server/message.h"

namespace trommel::endpoints {

/// 200 with rows; 304 when the client has them (`If-None-Match`); or a problem (RFC 9457): 400 with the parameters that
/// are wrong, 406, 422 for more rows than an answer may have, 503 when time ran out or the store is away.
server::Response answer(const BoundEndpoint& endpoint, const server::Request& request);

}  // namespace trommel::endpoints
