// Column names as people want to type them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trommel {

/// `famSize` -> `fam_size`, `HTTPStatus 2` -> `http_status_2`, `Größe (cm)` -> `größe_cm`, `Pstatus` -> `pstatus`.
/// Letters (of any script, accents kept) and digits stay, in lower case; everything else, and a step from a small
/// letter or digit to a capital, becomes one `_`. Empty when nothing stays.
std::string snake_case(std::string_view name);

/// Every letter small, the rest as it is: `famSize` -> `famsize`, `Größe (CM)` -> `größe (cm)`.
std::string lower_case(std::string_view name);

/// All names of a table in snake_case, none twice: a name that stands for the second time gets the first of `_2`, `_3`,
/// ... that no other column has, a name of which nothing stays is `column_N` (its place, from 1). The same names in the
/// same order always give the same result.
std::vector<std::string> snake_case_names(const std::vector<std::string>& names);
/// The same in small letters.
std::vector<std::string> lower_case_names(const std::vector<std::string>& names);

}  // namespace trommel
