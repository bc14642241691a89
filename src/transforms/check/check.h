// check: lets rows pass that keep the rules, and rejects each other row, by name of the rule, column and value.
//
// One row is one reject, however many rules it breaks: code, column and value are those of the first rule broken
// (`type` of any column, then columns in their order; within a column required, min, max, min_length, max_length,
// pattern, allowed; then SQL in its order), and the reason goes on with up to two more. NULL breaks `required` and no
// other rule; an SQL rule is broken only by false, as in SQL's own CHECK: NULL passes.
#pragma once

#include "component/component.h"

namespace trommel {

TransformKind check_transform();

}  // namespace trommel
