"""What commercial probers post: one reader for all, and a mapping for each.

mapping     a request and a mapping to a post
known       mappings for probers that many have
request     the request's fields by their names, whatever its format
verify      whether the request is from the prober
"""
