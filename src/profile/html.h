// The pieces of a profile's page. Only for this folder's .cc files.
#pragma once

#include <string>
#include <string_view>

#include "profile/profile.h"

namespace trommel::profile {

/// The page's style sheet: light and dark, wide and narrow, paper.
std::string_view page_style();

/// Text from outside as HTML text or attribute value.
std::string escaped(std::string_view text);
/// 0..1 as `12.3%` for a style.
std::string percent(double share);

/// Bars without axes or labels, as wide as what it stands in. `name` is what it is called for those who do not see it.
std::string bars_svg(const Histogram& histogram, const std::string& name, int height);
/// The card of one column; `number` is its anchor.
std::string column_card(const Profile& profile, size_t number);

}  // namespace trommel::profile
