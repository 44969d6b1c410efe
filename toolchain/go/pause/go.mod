module blueprint/pause

go 1.26
