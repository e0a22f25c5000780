"""Who is on call: pure functions of a schedule, a time and the overrides; docs/schedules.md says what they promise.

an instant   wall: the minute that a wall clock shows which never goes back
  → layer    rotation: whose turn that minute is, and from which minute to which; no zones there
  → slot     schedule: the last layer that covers it, else the fallback; overrides before either; back to instants by wall
             ical: slots as a calendar to subscribe to
"""
