// Tables that are kept as SELECTs over other tables make them. All of it runs inside a transaction of the caller.
//
// What a view was made from is in the table `_trommel_views`: a view of another definition, or over a table that
// somebody else has changed, is made anew as a whole.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/endpoints.h"
#include "query/database.h"
#include "query/syntax.h"

namespace trommel {

/// How a view follows its table.
struct ViewPlan {
  const View* view = nullptr;
  std::set<std::string> reads;  ///< tables and views, in lower case
  query::Groups groups;         ///< without a table: it is made anew as a whole, and `groups.why` says why
};

/// `connection` has to have all tables, and the views before this one.
Result<ViewPlan> plan_view(query::Connection& connection, const View& view, const std::vector<View>& views);

class ViewKeeper {
 public:
  ViewKeeper(query::Connection& connection, const std::string& pipeline, const std::vector<View>& views)
      : connection_(connection), pipeline_(pipeline), views_(views) {}

  /// To be called before rows of `table` change: what is known of its views.
  Result<> begin(const std::string& table);
  /// Whether `refresh` needs to see the rows that came.
  bool wants_rows() const;
  /// The rows of `table` have changed. `came` is a temporary table of those that were added; empty: others went too.
  Result<> refresh(const std::string& came);

  /// Makes every view that is not there as it should be, and whose tables are there.
  Result<> make_all();

 private:
  struct Kept {
    ViewPlan plan;
    bool fresh = false;  ///< it is what its SELECT makes of the table as it was
    bool waits = false;  ///< something that it reads was not there
  };
  Result<Kept> look_at(const View& view);

  Result<> make_register();
  Result<bool> readable(const View& view);
  Result<bool> is_fresh(const ViewPlan& plan);
  Result<> refresh_groups(const ViewPlan& plan, const std::string& came);
  Result<> refresh_whole(const ViewPlan& plan);
  Result<> note(const ViewPlan& plan);
  std::string definition(const View& view) const;
  Result<int64_t> rows_of(const ViewPlan& plan);

  query::Connection& connection_;
  const std::string& pipeline_;
  const std::vector<View>& views_;
  std::vector<Kept> kept_;  ///< of those that follow the table, in the order of the file
};

}  // namespace trommel
