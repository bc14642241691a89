// The SELECTs that answer a request, and the cursors that pages go on from. Nothing of a request is in the text of a
// SELECT: its values are bound.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "endpoints/endpoint.h"
#include "endpoints/request_values.h"

namespace trommel::endpoints {

/// Where a page by cursor begins: behind a row, or before it and then backwards. The row need not be there any more.
struct Cursor {
  bool backwards = false;
  std::vector<Value> row;  ///< its values in the columns of the order
};

/// Texts that mean nothing to a client; nothing: it was made by another endpoint, or by nobody.
std::string cursor_text(const BoundEndpoint& endpoint, const Cursor& cursor);
std::optional<Cursor> read_cursor(const BoundEndpoint& endpoint, const std::string& text);

/// Of the row of an answer.
Cursor cursor_at(const BoundEndpoint& endpoint, const arrow::RecordBatch& rows, int64_t row, bool backwards);

/// How many rows there are behind the filters.
Query count_statement(const BoundEndpoint& endpoint, const RequestValues& values);
/// The rows of a page, and one more that tells whether another page follows. A page that goes backwards comes in
/// backward order.
Query page_statement(const BoundEndpoint& endpoint, const RequestValues& values, const std::optional<Cursor>& cursor);
/// All rows, and one more than an answer may have.
Query all_statement(const BoundEndpoint& endpoint, const RequestValues& values);

}  // namespace trommel::endpoints
