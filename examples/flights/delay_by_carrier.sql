SELECT airline,
       count(*) AS flights,
       round(avg(dep_delay), 1) AS departure_delay_min,
       round(avg(arr_delay), 1) AS arrival_delay_min
FROM flights
GROUP BY airline
ORDER BY arrival_delay_min DESC
