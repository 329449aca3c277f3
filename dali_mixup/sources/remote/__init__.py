"""Reading data from object stores and web servers, by URL."""
