"""What people read: a view of the published tables, and the pages made from it."""
