-- The most frequent travel time of rural students. Where several are, the shortest of them; `as_frequent` says how many others.
SELECT traveltime, students, count(*) FILTER (place = 1) OVER () - 1 AS as_frequent
FROM (
  SELECT traveltime, count(*) AS students, rank() OVER (ORDER BY count(*) DESC) AS place
  FROM student_data
  WHERE lower(address) = 'r' AND traveltime IS NOT NULL
  GROUP BY traveltime
)
ORDER BY place, traveltime
LIMIT 1
