// A reader of multipart/form-data (RFC 7578, over RFC 2046 section 5.1) that is fed piece by piece, cut anywhere, and
// keeps no more than a boundary and one part's header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace trommel {

struct FormPart {
  std::string name;
  std::optional<std::string> filename;
  std::string content_type;  ///< empty where it is not said
};

/// Takes what a form holds. An error ends the reading and comes back from `feed`.
class FormEvents {
 public:
  virtual ~FormEvents() = default;
  virtual Result<> begin_part(const FormPart& part) = 0;
  virtual Result<> part_data(std::string_view bytes) = 0;
  virtual Result<> end_part() = 0;
};

/// The boundary that a `Content-Type` names. Nothing: it is no form, or its boundary is none.
std::optional<std::string> form_boundary(std::string_view content_type);

class FormReader {
 public:
  FormReader(const std::string& boundary, FormEvents& events);
  /// Errors are of domain `data`: the form is broken.
  Result<> feed(std::string_view bytes);
  /// To be called after the last byte: a form without its closing boundary was cut off.
  Result<> finish() const;

 private:
  enum class At { preamble, boundary, header, data, epilogue };
  /// Each takes what it can from the front of `bytes`. False: more is needed.
  Result<bool> take(std::string_view& bytes);
  Result<bool> take_data(std::string_view& bytes);
  Result<bool> take_boundary_end(std::string_view& bytes);
  Result<bool> take_header(std::string_view& bytes);
  Result<FormPart> parse_header(std::string_view header) const;

  const std::string delimiter_;  ///< line end, two dashes, boundary
  FormEvents& events_;
  At at_ = At::preamble;
  std::string kept_;  ///< of the bytes before, what could not be taken yet
  int64_t parts_ = 0;
};

}  // namespace trommel
