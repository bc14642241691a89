// The list of every component, a line each. (A component that registered itself would be dropped by the linker.)
#include "components.h"

#include "transforms/check/check.h"
#include "transforms/clean/clean.h"
#include "transforms/sql/sql.h"

namespace trommel {

Components all_components() {
  Components all;
  all.transforms.push_back(clean_transform());
  all.transforms.push_back(check_transform());
  all.transforms.push_back(sql_transform());
  return all;
}

}  // namespace trommel
