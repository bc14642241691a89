#include "connectors/http/multipart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "server/message.h"

namespace trommel {

namespace {

constexpr size_t kHeaderMax = 16 << 10;  // bytes of one part's header
constexpr size_t kPaddingMax = 1 << 10;  // blanks behind a boundary
constexpr int64_t kPartsMax = 1'000;

tl::unexpected<Error> broken(std::string what) { return data_error("multipart/form-data", std::move(what)); }

bool is_boundary_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> form_boundary(std::string_view content_type) {
  if (server::media_type(content_type) != "multipart/form-data") return std::nullopt;
  auto boundary = server::header_parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 70 || boundary->ends_with(' ') ||
      !std::all_of(boundary->begin(), boundary->end(), is_boundary_character))
    return std::nullopt;
  return boundary;
}

// The first boundary may stand at the very beginning: a line end before it is thought.
FormReader::FormReader(const std::string& boundary, FormEvents& events)
    : delimiter_("\r\n--" + boundary), events_(events), kept_("\r\n") {}

Result<> FormReader::feed(std::string_view bytes) {
  std::string joined;
  if (!kept_.empty()) {
    joined = std::move(kept_);
    joined.append(bytes);
    bytes = joined;
  }
  for (bool more = true; more;) {
    ASSIGN(more, take(bytes));
  }
  kept_.assign(bytes);
  return {};
}

Result<> FormReader::finish() const {
  if (at_ != At::epilogue) return broken("it was cut off: its closing boundary is missing");
  return {};
}

Result<bool> FormReader::take(std::string_view& bytes) {
  switch (at_) {
    case At::preamble:
    case At::data:
      return take_data(bytes);
    case At::boundary:
      return take_boundary_end(bytes);
    case At::header:
      return take_header(bytes);
    case At::epilogue:
      bytes = {};
      return false;
  }
  return false;
}

Result<bool> FormReader::take_data(std::string_view& bytes) {
  const auto* found = static_cast<const char*>(
      bytes.empty() ? nullptr : memmem(bytes.data(), bytes.size(), delimiter_.data(), delimiter_.size()));
  // The last bytes may be the beginning of a boundary.
  size_t sure = found != nullptr ? static_cast<size_t>(found - bytes.data()) : bytes.size();
  if (found == nullptr) sure -= std::min(sure, delimiter_.size() - 1);
  if (at_ == At::data && sure > 0) TRY(events_.part_data(bytes.substr(0, sure)));
  bytes.remove_prefix(sure);
  if (found == nullptr) return false;
  bytes.remove_prefix(delimiter_.size());
  if (at_ == At::data) TRY(events_.end_part());
  at_ = At::boundary;
  return true;
}

Result<bool> FormReader::take_boundary_end(std::string_view& bytes) {
  if (bytes.size() < 2) return false;
  if (bytes.starts_with("--")) {
    at_ = At::epilogue;
    return true;
  }
  const size_t padding = std::min(bytes.find_first_not_of(" \t"), bytes.size());
  if (padding > kPaddingMax) return broken("a boundary is followed by too many blanks");
  if (bytes.size() < padding + 2) return false;
  if (bytes.substr(padding, 2) != "\r\n") return broken("a boundary is followed by something else than a line end");
  if (++parts_ > kPartsMax) return broken(fmt::format("it has more than {} parts", kPartsMax));
  bytes.remove_prefix(padding);  // the line end is the header's: an empty one is two of them
  at_ = At::header;
  return true;
}

Result<bool> FormReader::take_header(std::string_view& bytes) {
  const size_t end = bytes.substr(0, kHeaderMax + 4).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kHeaderMax + 4)
      return broken(fmt::format("a part's header is longer than {} bytes", kHeaderMax));
    return false;
  }
  ASSIGN(const FormPart part, parse_header(bytes.substr(0, end)));
  bytes.remove_prefix(end + 4);
  TRY(events_.begin_part(part));
  at_ = At::data;
  return true;
}

Result<FormPart> FormReader::parse_header(std::string_view header) const {
  FormPart part;
  bool named = false;
  while (!header.empty()) {
    const size_t end = std::min(header.find("\r\n"), header.size());
    const std::string_view line = header.substr(0, end);
    header.remove_prefix(std::min(end + 2, header.size()));
    const size_t colon = line.find(':');
    if (line.empty()) continue;
    if (colon == std::string_view::npos) return broken("a part's header has a line without a colon");
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    if (server::same_ignoring_case(name, "Content-Type")) part.content_type = value;
    if (!server::same_ignoring_case(name, "Content-Disposition")) continue;
    if (server::media_type(value) != "form-data") return broken("a part is no form-data");
    auto field = server::header_parameter(value, "name");
    if (!field) return broken("a part has no name");
    part.name = std::move(*field);
    part.filename = server::header_parameter(value, "filename");
    named = true;
  }
  if (!named) return broken("a part has no Content-Disposition");
  return part;
}

}  // namespace trommel
