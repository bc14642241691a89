// Strict reading of one value from text: the whole of it or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trommel {

std::optional<bool> bool_from_text(std::string_view text);  ///< true, false, t, f, yes, no, 1, 0 in any case

/// Digits with an optional sign; no exponent, no fraction.
template <class I>
std::optional<I> integer_from_text(std::string_view text);

/// The nearest value; `inf` and `nan` count, what is too big for the type does not.
template <class F>
std::optional<F> real_from_text(std::string_view text);

/// `-12.50` as the number without its point, at `scale` digits behind it; nothing when digits would be lost or more
/// than `precision` are needed.
std::optional<__int128> decimal_from_text(std::string_view text, int precision, int scale);

std::optional<int32_t> date_from_text(std::string_view text);  ///< YYYY-MM-DD as days since 1970

/// HH:MM[:SS[.fraction]] in units of `per_second` to the second; nothing when the fraction is finer than that.
std::optional<int64_t> time_from_text(std::string_view text, int64_t per_second);

struct TextTimestamp {
  int64_t value = 0;  ///< since 1970, in UTC where a zone was written
  bool has_zone = false;
};
/// YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][Z|(+|-)HH[[:]MM]]] in units of `per_second` to the second.
std::optional<TextTimestamp> timestamp_from_text(std::string_view text, int64_t per_second);

/// 16 bytes from 8-4-4-4-12 hexadecimal digits, or from 32 in a row.
bool uuid_from_text(std::string_view text, uint8_t* bytes);

}  // namespace trommel
