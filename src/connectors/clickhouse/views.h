// Tables that are kept as SELECTs over other tables make them, in a database of a ClickHouse.
//
// What people read is a VIEW of the view's name. Its rows are in a table of ours, `_trommel_view_...`: a
// ReplacingMergeTree by the columns that the SELECT is grouped by, read FINAL. The groups that an epoch's rows belong
// to are computed from the table anew, and put in with a higher version than what is there: doing so twice changes
// nothing, and at each moment everybody sees each group once. The name of our table tells by whom, of which text, and
// from which table it was made, so that what is stale needs no register: it has another name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "component/component.h"
#include "connectors/clickhouse/client.h"

namespace trommel::clickhouse {

/// How a view follows its table.
struct ViewPlan {
  View view;
  std::vector<std::string> reads;  ///< of the tables and views that are known
  std::string table, alias;        ///< whose epochs change single groups; `table` empty: it is made anew as a whole
  std::vector<std::string> expressions;  ///< over one row of `alias`: the `by` columns
  std::string where;                     ///< over one row; empty: all rows
  std::vector<std::string> key;          ///< columns of the view that tell its rows apart
  std::string why;                       ///< it is made anew as a whole
};

/// `views` come in the order of the file. Nothing is asked of a server.
Result<std::vector<ViewPlan>> plan_views(const std::vector<StoreTable>& tables, const std::vector<View>& views);

class ViewKeeper {
 public:
  ViewKeeper(std::string pipeline, std::vector<ViewPlan> plans)
      : pipeline_(std::move(pipeline)), plans_(std::move(plans)) {}

  /// Rows have come into `table`: its views, and those that read them, follow. `came` is a SELECT of these rows with
  /// the columns of the table; empty: others changed too.
  Result<> refresh(Client& client, const std::string& table, const std::string& came) const;
  /// Makes every view that is not there as it should be, and whose tables are there.
  Result<> make_all(Client& client) const;

 private:
  std::string pipeline_;
  std::vector<ViewPlan> plans_;
};

}  // namespace trommel::clickhouse
